//! The bill: hourly lines whose amounts add up to the total to the last digit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::HourlyRate;

use super::cost::{Cost, Quantity, Unit};
use super::price_book::MissingPrice;

/// What kind of resource a line pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Instances, On-Demand.
    Ec2Compute,
    /// Spot Instances.
    Ec2Spot,
    /// Fargate tasks: vCPU, memory, ephemeral storage, licence.
    FargateCompute,
    /// Fargate Spot tasks.
    FargateSpot,
    /// Volumes.
    EbsVolume,
    /// Load balancers: hours and capacity units.
    LoadBalancer,
    /// The fee of Managed Instances, on top of EC2.
    ManagedInstances,
}

impl Category {
    /// All categories, in the order of the bill.
    pub const ALL: [Self; 7] = [
        Self::Ec2Compute,
        Self::Ec2Spot,
        Self::FargateCompute,
        Self::FargateSpot,
        Self::EbsVolume,
        Self::LoadBalancer,
        Self::ManagedInstances,
    ];

    /// Whether it is paid for container instances: themselves, their volumes and their management.
    pub const fn is_of_instances(self) -> bool {
        matches!(self, Self::Ec2Compute | Self::Ec2Spot | Self::EbsVolume | Self::ManagedInstances)
    }

    /// Name in output files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ec2Compute => "EC2",
            Self::Ec2Spot => "EC2 Spot",
            Self::FargateCompute => "Fargate",
            Self::FargateSpot => "Fargate Spot",
            Self::EbsVolume => "EBS",
            Self::LoadBalancer => "Load balancer",
            Self::ManagedInstances => "ECS Managed Instances",
        }
    }
}

/// One line: one usage type of one payer in one clock hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// Start of the clock hour (UTC) in seconds since 1970.
    pub period_start: i64,
    /// End of the clock hour, exclusive.
    pub period_end: i64,
    /// Category.
    pub category: Category,
    /// Who pays: a service, a batch source or an Auto Scaling group.
    pub owner: Arc<str>,
    /// What was used: an Auto Scaling group, a load balancer, `FARGATE` or `FARGATE_SPOT`.
    pub resource_group: Arc<str>,
    /// Usage type as AWS names it, without the region's prefix, for example `BoxUsage:m5.large`.
    pub usage_type: Arc<str>,
    /// How much was used, exactly.
    pub quantity: Quantity,
    /// Price in 1e-10 USD per unit of the quantity.
    pub unit_price: u64,
    /// Amount in 1e-10 USD, within 1 of `quantity` × `unit_price`.
    pub amount: i128,
}

impl BillLine {
    /// Price per unit of the quantity as a decimal in USD, for example `0.096`.
    pub fn unit_price_decimal(&self) -> String {
        HourlyRate::from_ten_billionths(self.unit_price).to_string()
    }

    /// What makes two lines one. The price tells apart what AWS gives one usage type, such as Linux and
    /// Windows instances of a type.
    fn kind(&self) -> (i64, Category, &str, &str, &str, u64, Unit) {
        (
            self.period_start,
            self.category,
            &self.owner,
            &self.resource_group,
            &self.usage_type,
            self.unit_price,
            self.quantity.unit,
        )
    }

    /// Exact value of the line, before the rounding of its amount.
    pub fn exact(&self) -> Cost {
        Cost::of(self.unit_price, self.quantity)
    }
}

/// A bill.
///
/// The amount of line *k* is `round(C_k) − round(C_{k−1})`, where `C_k` is the exact cost of the first
/// *k* lines and rounding is half to even to 1e-10 USD. So the amounts add up to `total`, which is the
/// exact cost rounded once, and no amount is negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoice {
    /// Lines sorted by hour, category, owner, resource group and usage type.
    pub lines: Vec<BillLine>,
    /// Sum of the amounts in 1e-10 USD.
    pub total: i128,
    /// The same before rounding.
    pub exact: Cost,
    /// Usage for which the price book has no rate and which is therefore in no line. Empty if the book
    /// was made for the scenario.
    pub unpriced: Vec<MissingPrice>,
}

/// Cost of one clock hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourlyCost {
    /// Start of the hour in seconds since 1970.
    pub period_start: i64,
    /// Amounts in 1e-10 USD in the order of [`Category::ALL`].
    pub by_category: [i128; Category::ALL.len()],
}

impl Invoice {
    /// Sorts `lines`, whose amounts are not yet set, merges those of one kind and sets the amounts.
    pub(super) fn new(mut lines: Vec<BillLine>, unpriced: Vec<MissingPrice>) -> Self {
        lines.sort_by(|a, b| a.kind().cmp(&b.kind()));
        // Ephemeral storage has one usage type for all kinds of tasks, which are metered apart.
        lines.dedup_by(|next, line| {
            let same = next.kind() == line.kind();
            if same {
                line.quantity.count += next.quantity.count;
            }
            same
        });
        let mut exact = Cost::ZERO;
        let mut total = 0;
        for line in &mut lines {
            exact += line.exact();
            let rounded = exact.to_ten_billionths();
            line.amount = rounded - total;
            total = rounded;
        }
        Self { lines, total, exact, unpriced }
    }

    /// Amounts per category in the order of [`Category::ALL`], categories without lines left out.
    pub fn total_by_category(&self) -> Vec<(Category, i128)> {
        let mut totals = BTreeMap::new();
        for line in &self.lines {
            *totals.entry(line.category).or_insert(0) += line.amount;
        }
        totals.into_iter().collect()
    }

    /// Amounts per owner, sorted by name.
    pub fn total_by_owner(&self) -> Vec<(Arc<str>, i128)> {
        let mut totals: BTreeMap<&Arc<str>, i128> = BTreeMap::new();
        for line in &self.lines {
            *totals.entry(&line.owner).or_insert(0) += line.amount;
        }
        totals.into_iter().map(|(owner, amount)| (Arc::clone(owner), amount)).collect()
    }

    /// Sum of the amounts of the lines that `select` accepts.
    pub fn total_of(&self, select: impl Fn(&BillLine) -> bool) -> i128 {
        self.lines.iter().filter(|line| select(line)).map(|line| line.amount).sum()
    }

    /// Amounts per clock hour and category, from the first hour with a line to the last; hours between
    /// them without lines are zero.
    pub fn hourly_by_category(&self) -> Vec<HourlyCost> {
        let mut hours: Vec<HourlyCost> = Vec::new();
        for line in &self.lines {
            // Lines are sorted by hour.
            let mut next = hours.last().map_or(line.period_start, |hour| hour.period_start + 3600);
            while next <= line.period_start {
                hours
                    .push(HourlyCost { period_start: next, by_category: [0; Category::ALL.len()] });
                next += 3600;
            }
            if let Some(hour) = hours.last_mut() {
                // The discriminant of a category is its position in `ALL`.
                hour.by_category[line.category as usize] += line.amount;
            }
        }
        hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hour: i64, category: Category, owner: &str, seconds: u128) -> BillLine {
        BillLine {
            period_start: hour * 3600,
            period_end: (hour + 1) * 3600,
            category,
            owner: owner.into(),
            resource_group: "group".into(),
            usage_type: "usage".into(),
            quantity: Quantity { count: seconds, unit: Unit::Hours },
            unit_price: 1,
            amount: 0,
        }
    }

    #[test]
    fn categories_are_at_their_positions() {
        for (position, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(category as usize, position, "{}", category.name());
        }
    }

    #[test]
    fn amounts_add_up_although_each_line_is_a_fraction() {
        // Each line is worth 0.4 of the smallest unit; rounded alone, all would be zero.
        let lines = (0..5).map(|hour| line(hour, Category::Ec2Compute, "web", 1440)).collect();
        let invoice = Invoice::new(lines, Vec::new());
        let amounts: Vec<i128> = invoice.lines.iter().map(|line| line.amount).collect();
        assert_eq!(amounts, [0, 1, 0, 1, 0], "running totals 0.4, 0.8, 1.2, 1.6, 2.0");
        assert_eq!(invoice.total, 2);
    }

    #[test]
    fn totals_group_lines() {
        let lines = vec![
            line(5, Category::EbsVolume, "web", 3600),
            line(2, Category::LoadBalancer, "api", 7200),
            line(2, Category::Ec2Compute, "web", 10_800),
        ];
        let invoice = Invoice::new(lines, Vec::new());
        let order: Vec<Category> = invoice.lines.iter().map(|line| line.category).collect();
        assert_eq!(order, [Category::Ec2Compute, Category::LoadBalancer, Category::EbsVolume]);
        assert_eq!(
            invoice.total_by_category(),
            [(Category::Ec2Compute, 3), (Category::EbsVolume, 1), (Category::LoadBalancer, 2)]
        );
        let owners = invoice.total_by_owner();
        let owners: Vec<(&str, i128)> = owners.iter().map(|(name, sum)| (&**name, *sum)).collect();
        assert_eq!(owners, [("api", 2), ("web", 4)]);
        assert_eq!(invoice.total_of(|line| line.category == Category::EbsVolume), 1);
        let hours = invoice.hourly_by_category();
        assert_eq!(hours.len(), 4, "hours 2 to 5");
        assert_eq!(hours[0].by_category, [3, 0, 0, 0, 0, 2, 0]);
        assert_eq!(hours[1].by_category, [0; 7]);
        let last = (hours[3].period_start, hours[3].by_category);
        assert_eq!(last, (5 * 3600, [0, 0, 0, 0, 1, 0, 0]));
        assert_eq!(Invoice::default().hourly_by_category(), []);
    }
}
