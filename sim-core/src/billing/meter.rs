//! Adds usage up per clock hour, payer and usage type; prices meet it once, at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{HourlyRate, INCLUDED_EPHEMERAL_GIB};
use crate::purchase::market::at_prices;
use crate::scenario::{Architecture, OperatingSystem, TargetProtocol};
use crate::units::{NANOS_PER_SECOND, SimTime};

use super::billed_time::{
    InstanceGranularity, fargate_billed_seconds, instance_billed_seconds,
    interrupted_spot_billed_seconds, volume_billed_seconds,
};
use super::capacity_units::{CapacityUnit, HourlyTraffic};
use super::cost::{Quantity, Unit};
use super::invoice::{BillLine, Category, Invoice};
use super::price_book::{MissingPrice, PriceBook};
use super::price_source::{
    EPHEMERAL_STORAGE, LOAD_BALANCER, LOAD_BALANCER_UNIT, NETWORK_UNIT, VOLUME,
};

const HOUR: u64 = 3600;

/// A task on Fargate.
#[derive(Clone, Copy, Debug)]
pub struct FargateUsage<'a> {
    /// Who pays: the service or batch source.
    pub owner: &'a str,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// Architecture.
    pub architecture: Architecture,
    /// Whether it runs on Fargate Spot.
    pub spot: bool,
    /// Size in CPU units (1024 = 1 vCPU).
    pub cpu_units: u64,
    /// Size in MiB.
    pub memory_mib: u64,
    /// Ephemeral storage in GiB; the first 20 are free.
    pub ephemeral_gib: u32,
    /// Start of the image pull.
    pub from: SimTime,
    /// `stoppedAt`, or the end of the run.
    pub until: SimTime,
    /// Whether it stopped; the minimum applies only then.
    pub complete: bool,
}

/// One start of a container instance.
#[derive(Clone, Copy, Debug)]
pub struct InstanceUsage<'a> {
    /// The Auto Scaling group, which pays.
    pub group: &'a str,
    /// Instance type.
    pub instance_type: &'a str,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// EC2 state `running`.
    pub from: SimTime,
    /// Termination, or the end of the run.
    pub until: SimTime,
    /// Whether it terminated; the minimum applies only then.
    pub complete: bool,
}

/// A gp3 volume.
#[derive(Clone, Copy, Debug)]
pub struct VolumeUsage<'a> {
    /// The Auto Scaling group, which pays.
    pub group: &'a str,
    /// Size in GiB.
    pub gib: u32,
    /// Creation.
    pub from: SimTime,
    /// Deletion, or the end of the run.
    pub until: SimTime,
}

/// What a load balancer processed in one clock hour for one target group.
#[derive(Clone, Copy, Debug)]
pub struct LoadBalancerHour<'a> {
    /// Name of the load balancer.
    pub load_balancer: &'a str,
    /// Who pays. Of a load balancer's records in one hour the first one's owner pays for all.
    pub owner: &'a str,
    /// What the load balancer listens to.
    pub protocol: TargetProtocol,
    /// Clock hour, counted from the one in which the run starts; see [`Meter::clock_hour`].
    pub hour: u64,
    /// Connections opened.
    pub new_connections: u64,
    /// Open connections × seconds.
    pub active_connection_seconds: u64,
    /// Bytes in both directions.
    pub bytes: u64,
    /// Requests.
    pub requests: u64,
    /// Rules processed per request.
    pub rules_processed: u32,
}

/// Index into the names of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(u32);

/// What is added up together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Fargate(Name, OperatingSystem, Architecture, bool),
    Instance(Name, Name, OperatingSystem),
    /// Group, type and price.
    SpotInstance(Name, Name, u64),
    Volume(Name),
    /// The fee of a managed instance: group, type.
    Managed(Name, Name, OperatingSystem),
}

/// Quantity × seconds of one hour. Fargate: CPU units, MiB of memory, MiB of billable storage;
/// instances: instances; volumes: GiB. Unused places are zero.
type Amounts = [u64; 3];

/// Usage under one key, hour by hour.
#[derive(Clone, Debug)]
struct Cell {
    key: Key,
    /// Clock hour of the first entry.
    first_hour: u64,
    hours: Vec<Amounts>,
}

impl Cell {
    /// Adds `rates` × `seconds` to `hour`; the cell grows to either side as needed.
    fn add(&mut self, hour: u64, rates: Amounts, seconds: u64) {
        if self.hours.is_empty() {
            self.first_hour = hour;
        }
        if hour < self.first_hour {
            // Uses are added when they end, so an earlier start may come later.
            let earlier = (self.first_hour - hour) as usize;
            self.hours.splice(0..0, std::iter::repeat_n([0; 3], earlier));
            self.first_hour = hour;
        }
        let position = (hour - self.first_hour) as usize;
        if position >= self.hours.len() {
            self.hours.resize(position + 1, [0; 3]);
        }
        for (amount, rate) in self.hours[position].iter_mut().zip(rates) {
            *amount = amount.saturating_add(rate.saturating_mul(seconds));
        }
    }
}

#[derive(Clone, Debug)]
struct BalancerHour {
    owner: Name,
    /// By protocol; HTTP and HTTPS count together.
    traffic: BTreeMap<TargetProtocol, HourlyTraffic>,
}

/// Adds up what a run uses.
///
/// Times are split at clock hours (UTC). A billed time starts with the second in which the use starts
/// and runs for the whole billed seconds, so a minimum may reach into the hours after the use.
///
/// ```
/// use plimsoll_core::billing::{InstanceUsage, Meter, PriceBook, PriceNeeds, format_usd};
/// use plimsoll_core::scenario::OperatingSystem::Linux;
/// use plimsoll_core::units::SimTime;
///
/// let needs = PriceNeeds { instances: vec![("m5.large", Linux)], ..PriceNeeds::default() };
/// let prices = PriceBook::for_region("us-east-1", &needs).expect("a known price");
/// let mut meter = Meter::new(0);
/// let billed = meter.instance(&InstanceUsage {
///     group: "web",
///     instance_type: "m5.large",
///     operating_system: Linux,
///     from: SimTime::ZERO,
///     until: SimTime::from_secs(5400),
///     complete: true,
/// });
/// assert_eq!(billed, 5400);
/// let invoice = meter.finish(&prices);
/// assert_eq!(invoice.lines.len(), 2, "two clock hours");
/// assert_eq!(format_usd(invoice.total), "0.144");
/// ```
#[derive(Clone, Debug)]
pub struct Meter {
    /// Start of clock hour 0 in seconds since 1970.
    first_hour_start: i64,
    /// Seconds from there to the start of the run.
    offset: u64,
    names: Vec<Arc<str>>,
    name_index: BTreeMap<Arc<str>, Name>,
    cells: Vec<Cell>,
    cell_index: BTreeMap<Key, u32>,
    balancer_hours: BTreeMap<(u64, Name), BalancerHour>,
}

impl Meter {
    /// A meter for a run that starts at `start_unix_seconds`.
    pub fn new(start_unix_seconds: i64) -> Self {
        let offset = start_unix_seconds.rem_euclid(HOUR as i64);
        Self {
            first_hour_start: start_unix_seconds.saturating_sub(offset),
            offset: offset as u64,
            names: Vec::new(),
            name_index: BTreeMap::new(),
            cells: Vec::new(),
            cell_index: BTreeMap::new(),
            balancer_hours: BTreeMap::new(),
        }
    }

    /// The clock hour of `at`, counted from the one in which the run starts.
    pub fn clock_hour(&self, at: SimTime) -> u64 {
        (self.offset + at.as_nanos() / NANOS_PER_SECOND) / HOUR
    }

    /// Adds a Fargate task and returns its billed seconds.
    pub fn fargate_task(&mut self, usage: &FargateUsage<'_>) -> u64 {
        let lived = usage.until.saturating_since(usage.from);
        let billed = fargate_billed_seconds(usage.operating_system, lived, usage.complete);
        let owner = self.name(usage.owner);
        let key = Key::Fargate(owner, usage.operating_system, usage.architecture, usage.spot);
        let storage = u64::from(usage.ephemeral_gib.saturating_sub(INCLUDED_EPHEMERAL_GIB)) * 1024;
        self.add(key, [usage.cpu_units, usage.memory_mib, storage], usage.from, billed);
        billed
    }

    /// Adds one start of an instance and returns its billed seconds.
    pub fn instance(&mut self, usage: &InstanceUsage<'_>) -> u64 {
        let lived = usage.until.saturating_since(usage.from);
        // Both operating systems of the model are billed by the second.
        let granularity = InstanceGranularity::PerSecond;
        let billed = instance_billed_seconds(granularity, lived, usage.complete);
        let (group, instance_type) = (self.name(usage.group), self.name(usage.instance_type));
        let key = Key::Instance(group, instance_type, usage.operating_system);
        self.add(key, [1, 0, 0], usage.from, billed);
        billed
    }

    /// Adds one start of a Spot Instance, at the prices of its pool (sorted), and returns its
    /// billed seconds. It is free if EC2 interrupts it in its first hour.
    pub fn spot_instance(
        &mut self,
        usage: &InstanceUsage<'_>,
        prices: &[(SimTime, HourlyRate)],
        interrupted: bool,
    ) -> u64 {
        let lived = usage.until.saturating_since(usage.from);
        let granularity = InstanceGranularity::PerSecond;
        let billed = if interrupted {
            interrupted_spot_billed_seconds(granularity, lived)
        } else {
            instance_billed_seconds(granularity, lived, usage.complete)
        };
        let (group, instance_type) = (self.name(usage.group), self.name(usage.instance_type));
        for (from, seconds, rate) in at_prices(prices, usage.from, billed) {
            let key = Key::SpotInstance(group, instance_type, rate.as_ten_billionths());
            self.add(key, [1, 0, 0], from, seconds);
        }
        billed
    }

    /// Adds the management of an instance by ECS: its fee is charged for the time that it runs, at least a minute,
    /// however the instance was bought.
    pub fn managed_instance(&mut self, usage: &InstanceUsage<'_>) {
        let lived = usage.until.saturating_since(usage.from);
        let billed = instance_billed_seconds(InstanceGranularity::PerSecond, lived, usage.complete);
        let (group, instance_type) = (self.name(usage.group), self.name(usage.instance_type));
        let key = Key::Managed(group, instance_type, usage.operating_system);
        self.add(key, [1, 0, 0], usage.from, billed);
    }

    /// Adds a volume.
    pub fn volume(&mut self, usage: &VolumeUsage<'_>) {
        let billed = volume_billed_seconds(usage.until.saturating_since(usage.from));
        let key = Key::Volume(self.name(usage.group));
        self.add(key, [u64::from(usage.gib), 0, 0], usage.from, billed);
    }

    /// Adds what a load balancer processed in a clock hour. Each hour with at least one record costs a
    /// full hour, and capacity units for the sum of its records.
    pub fn load_balancer_hour(&mut self, usage: &LoadBalancerHour<'_>) {
        let (balancer, owner) = (self.name(usage.load_balancer), self.name(usage.owner));
        let record = self
            .balancer_hours
            .entry((usage.hour, balancer))
            .or_insert_with(|| BalancerHour { owner, traffic: BTreeMap::new() });
        let protocol = match usage.protocol {
            TargetProtocol::Https => TargetProtocol::Http,
            other => other,
        };
        let traffic = record.traffic.entry(protocol).or_default();
        traffic.new_connections += u128::from(usage.new_connections);
        traffic.active_connection_seconds += u128::from(usage.active_connection_seconds);
        traffic.bytes += u128::from(usage.bytes);
        traffic.rule_evaluations +=
            HourlyTraffic::rule_evaluations(usage.requests, usage.rules_processed);
    }

    /// The invoice of everything added so far at `prices`.
    pub fn finish(&self, prices: &PriceBook) -> Invoice {
        let mut draft = Draft { meter: self, prices, lines: Vec::new(), unpriced: Vec::new() };
        for cell in &self.cells {
            match cell.key {
                Key::Fargate(owner, operating_system, architecture, spot) => {
                    draft.fargate(cell, owner, operating_system, architecture, spot);
                }
                Key::Instance(group, instance_type, operating_system) => {
                    draft.instances(cell, group, instance_type, operating_system);
                }
                Key::SpotInstance(group, instance_type, rate) => {
                    draft.spot_instances(cell, group, instance_type, rate);
                }
                Key::Volume(group) => draft.volumes(cell, group),
                Key::Managed(group, instance_type, operating_system) => {
                    draft.managed(cell, group, instance_type, operating_system);
                }
            }
        }
        draft.load_balancers();
        draft.unpriced.sort();
        draft.unpriced.dedup();
        Invoice::new(draft.lines, draft.unpriced)
    }

    fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.name_index.get(text) {
            return *name;
        }
        // One name per service, group, type and load balancer: far below 2^32.
        let name = Name(self.names.len() as u32);
        let text: Arc<str> = text.into();
        self.names.push(Arc::clone(&text));
        self.name_index.insert(text, name);
        name
    }

    fn text(&self, name: Name) -> &Arc<str> {
        &self.names[name.0 as usize]
    }

    fn add(&mut self, key: Key, rates: Amounts, from: SimTime, billed: u64) {
        let next = self.cells.len() as u32;
        let position = *self.cell_index.entry(key).or_insert(next);
        if position == next {
            self.cells.push(Cell { key, first_hour: 0, hours: Vec::new() });
        }
        let cell = &mut self.cells[position as usize];
        let mut at = self.offset + from.as_nanos() / NANOS_PER_SECOND;
        let end = at + billed;
        while at < end {
            let hour = at / HOUR;
            let stop = end.min((hour + 1) * HOUR);
            cell.add(hour, rates, stop - at);
            at = stop;
        }
    }
}

/// What the lines of one usage type have in common.
struct Label {
    category: Category,
    owner: Arc<str>,
    resource_group: Arc<str>,
    usage_type: Arc<str>,
}

impl Label {
    /// What an Auto Scaling group pays for itself.
    fn of_group(category: Category, group: &Arc<str>, usage_type: &str) -> Self {
        let (owner, resource_group) = (Arc::clone(group), Arc::clone(group));
        Self { category, owner, resource_group, usage_type: usage_type.into() }
    }
}

/// Lines in the making.
struct Draft<'a> {
    meter: &'a Meter,
    prices: &'a PriceBook,
    lines: Vec<BillLine>,
    unpriced: Vec<MissingPrice>,
}

impl Draft<'_> {
    fn line(&mut self, label: &Label, hour: u64, unit_price: u64, quantity: Quantity) {
        let start = hour.saturating_mul(HOUR);
        let period_start = self.meter.first_hour_start.saturating_add_unsigned(start);
        self.lines.push(BillLine {
            period_start,
            period_end: period_start.saturating_add_unsigned(HOUR),
            category: label.category,
            owner: Arc::clone(&label.owner),
            resource_group: Arc::clone(&label.resource_group),
            usage_type: Arc::clone(&label.usage_type),
            quantity,
            unit_price,
            amount: 0,
        });
    }

    /// A line for each hour of `cell` with a nonzero amount at `place`.
    fn cell_lines(
        &mut self,
        label: &Label,
        cell: &Cell,
        place: usize,
        unit_price: u64,
        unit: Unit,
    ) {
        for (hour, amounts) in (cell.first_hour..).zip(&cell.hours) {
            if amounts[place] > 0 {
                let count = u128::from(amounts[place]);
                self.line(label, hour, unit_price, Quantity { count, unit });
            }
        }
    }

    fn fargate(
        &mut self,
        cell: &Cell,
        owner: Name,
        operating_system: OperatingSystem,
        architecture: Architecture,
        spot: bool,
    ) {
        let (category, resource_group, prefix) = if spot {
            (Category::FargateSpot, "FARGATE_SPOT", "SpotUsage-Fargate")
        } else {
            (Category::FargateCompute, "FARGATE", "Fargate")
        };
        let kind = match (operating_system, architecture) {
            (OperatingSystem::Windows, _) => "-Windows",
            (OperatingSystem::Linux, Architecture::Arm64) => "-ARM",
            (OperatingSystem::Linux, Architecture::X86_64) => "",
        };
        let label = |usage_type: String| Label {
            category,
            owner: Arc::clone(self.meter.text(owner)),
            resource_group: resource_group.into(),
            usage_type: usage_type.into(),
        };
        let vcpu = label(format!("{prefix}{kind}-vCPU-Hours:perCPU"));
        let memory = label(format!("{prefix}{kind}-GB-Hours"));
        let licence = label(format!("{prefix}{kind}-OS-Hours:perCPU"));
        let storage = label("Fargate-EphemeralStorage-GB-Hours".to_owned());

        match self.prices.fargate_rates(operating_system, architecture, spot) {
            Some(rates) => {
                let price = HourlyRate::as_ten_billionths;
                self.cell_lines(&vcpu, cell, 0, price(rates.vcpu_hour), Unit::VcpuHours);
                self.cell_lines(&memory, cell, 1, price(rates.gb_hour), Unit::GbHours);
                if let Some(rate) = rates.os_license_vcpu_hour {
                    self.cell_lines(&licence, cell, 0, price(rate), Unit::VcpuHours);
                }
            }
            None => self.unpriced.push(self.prices.missing_fargate(
                operating_system,
                architecture,
                spot,
            )),
        }
        if cell.hours.iter().any(|amounts| amounts[2] > 0) {
            match self.prices.ephemeral_storage_rate() {
                Some(rate) => {
                    self.cell_lines(&storage, cell, 2, rate.as_ten_billionths(), Unit::GbHours);
                }
                None => self.unpriced.push(self.prices.missing_item(EPHEMERAL_STORAGE)),
            }
        }
    }

    fn instances(
        &mut self,
        cell: &Cell,
        group: Name,
        instance_type: Name,
        operating_system: OperatingSystem,
    ) {
        let group = self.meter.text(group);
        let instance_type = self.meter.text(instance_type);
        let Some(rate) = self.prices.instance_rate(instance_type, operating_system) else {
            let missing = self.prices.missing_instance(instance_type, operating_system);
            self.unpriced.push(missing);
            return;
        };
        let label =
            Label::of_group(Category::Ec2Compute, group, &format!("BoxUsage:{instance_type}"));
        self.cell_lines(&label, cell, 0, rate.as_ten_billionths(), Unit::Hours);
    }

    fn spot_instances(&mut self, cell: &Cell, group: Name, instance_type: Name, rate: u64) {
        let group = self.meter.text(group);
        let instance_type = self.meter.text(instance_type);
        let label =
            Label::of_group(Category::Ec2Spot, group, &format!("SpotUsage:{instance_type}"));
        self.cell_lines(&label, cell, 0, rate, Unit::Hours);
    }

    fn managed(
        &mut self,
        cell: &Cell,
        group: Name,
        instance_type: Name,
        operating_system: OperatingSystem,
    ) {
        let group = self.meter.text(group);
        let instance_type = self.meter.text(instance_type);
        // An instance without a price is reported as such.
        let Some(rate) = self.prices.managed_instance_fee(instance_type, operating_system) else {
            return;
        };
        let label = Label::of_group(
            Category::ManagedInstances,
            group,
            &format!("ManagedInstances:{instance_type}"),
        );
        self.cell_lines(&label, cell, 0, rate.as_ten_billionths(), Unit::Hours);
    }

    fn volumes(&mut self, cell: &Cell, group: Name) {
        let Some(rate) = self.prices.volume_rate() else {
            self.unpriced.push(self.prices.missing_item(VOLUME));
            return;
        };
        let group = self.meter.text(group);
        let label = Label::of_group(Category::EbsVolume, group, "EBS:VolumeUsage.gp3");
        self.cell_lines(&label, cell, 0, rate.as_ten_billionths(), Unit::GbMonths);
    }

    fn load_balancers(&mut self) {
        let (meter, prices) = (self.meter, self.prices);
        if meter.balancer_hours.is_empty() {
            return;
        }
        let hour_rate = prices.load_balancer_rate();
        let unit_rates = [prices.load_balancer_unit_rate(), prices.network_unit_rate()];
        let protocols = || meter.balancer_hours.values().flat_map(|record| record.traffic.keys());
        let has = |network: bool| protocols().any(|it| it.is_network() == network);
        for (used, rate, item) in [
            (true, hour_rate, LOAD_BALANCER),
            (has(false), unit_rates[0], LOAD_BALANCER_UNIT),
            (has(true), unit_rates[1], NETWORK_UNIT),
        ] {
            if used && rate.is_none() {
                self.unpriced.push(prices.missing_item(item));
            }
        }
        let (hours, units): (Arc<str>, Arc<str>) = ("LoadBalancerUsage".into(), "LCUUsage".into());
        for ((hour, balancer), record) in &meter.balancer_hours {
            let mut label = Label {
                category: Category::LoadBalancer,
                owner: Arc::clone(meter.text(record.owner)),
                resource_group: Arc::clone(meter.text(*balancer)),
                usage_type: Arc::clone(&hours),
            };
            if let Some(rate) = hour_rate {
                let quantity = Quantity { count: u128::from(HOUR), unit: Unit::Hours };
                self.line(&label, *hour, rate.as_ten_billionths(), quantity);
            }
            label.usage_type = Arc::clone(&units);
            for (protocol, traffic) in &record.traffic {
                let count = CapacityUnit::of(*protocol).unit_hour_parts(traffic);
                let rate = unit_rates[usize::from(protocol.is_network())];
                if let (Some(rate), true) = (rate, count > 0) {
                    let quantity = Quantity { count, unit: Unit::LcuHours };
                    self.line(&label, *hour, rate.as_ten_billionths(), quantity);
                }
            }
        }
    }
}
