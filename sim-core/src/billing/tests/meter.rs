//! How usage becomes lines.

use super::*;

#[test]
fn s3_usage_is_split_at_clock_hours() {
    // 10:30 to 11:30 on some day.
    let start = 1_767_225_600 + 10 * 3600 + 1800;
    let mut meter = Meter::new(start);
    meter.fargate_task(&task(4096, 8192, 3_600_000));
    let invoice = meter.finish(&virginia());
    let vcpu: Vec<(i64, String)> = invoice
        .lines
        .iter()
        .filter(|line| &*line.usage_type == "Fargate-vCPU-Hours:perCPU")
        .map(|line| (line.period_start, line.quantity.consumed().0))
        .collect();
    let ten = start - 1800;
    assert_eq!(vcpu, [(ten, "7200".to_owned()), (ten + 3600, "7200".to_owned())]);
    check_laws(&invoice);
}

#[test]
fn many_tasks_of_one_payer_are_few_lines() {
    let mut meter = Meter::new(0);
    for second in 0..1000 {
        let from = SimTime::from_secs(second);
        let until = SimTime::from_secs(second + 120);
        meter.fargate_task(&FargateUsage { from, until, ..task(256, 512, 0) });
    }
    let invoice = meter.finish(&virginia());
    let usage: Vec<&str> = invoice.lines.iter().map(|line| &*line.usage_type).collect();
    assert_eq!(usage, ["Fargate-GB-Hours", "Fargate-vCPU-Hours:perCPU"]);
    assert_eq!(invoice.lines[1].quantity.consumed().0, "30000", "1000 × 120 s × 0.25 vCPU");
    check_laws(&invoice);
}

#[test]
fn what_still_runs_is_billed_without_its_minimum() {
    let mut meter = Meter::new(0);
    assert_eq!(meter.fargate_task(&FargateUsage { complete: false, ..task(256, 512, 7) }), 1);
    assert_eq!(meter.fargate_task(&FargateUsage { complete: false, ..task(256, 512, 0) }), 0);
}

#[test]
fn a_minimum_may_reach_into_the_next_hour() {
    let mut meter = Meter::new(0);
    let from = SimTime::from_secs(3590);
    let until = SimTime::from_secs(3595);
    meter.instance(&InstanceUsage {
        group: "web",
        instance_type: "m5.large",
        operating_system: Linux,
        from,
        until,
        complete: true,
    });
    let seconds: Vec<u128> =
        meter.finish(&virginia()).lines.iter().map(|line| line.quantity.count).collect();
    assert_eq!(seconds, [10, 50]);
}

#[test]
fn records_of_one_load_balancer_hour_share_the_hour() {
    let mut meter = Meter::new(0);
    // Each target group alone has 0.5 units, by different dimensions: together 0.5, not 1.
    let half = LoadBalancerHour { bytes: GIB / 2, ..balancer_hour(3) };
    meter.load_balancer_hour(&half);
    meter.load_balancer_hour(&LoadBalancerHour {
        owner: "web",
        new_connections: 25 * 1800,
        ..balancer_hour(3)
    });
    let invoice = meter.finish(&virginia());
    let lines: Vec<(&str, &str, String)> = invoice
        .lines
        .iter()
        .map(|line| (&*line.owner, &*line.usage_type, line.quantity.decimal()))
        .collect();
    assert_eq!(
        lines,
        [("api", "LCUUsage", "0.5".to_owned()), ("api", "LoadBalancerUsage", "1".to_owned())]
    );
    assert_eq!(invoice.lines[0].period_start, 3 * 3600);
}

#[test]
fn usage_without_a_price_is_reported_not_forgotten() {
    let mut meter = Meter::new(0);
    meter.fargate_task(&FargateUsage { ephemeral_gib: 21, ..task(256, 512, 1000) });
    meter.volume(&VolumeUsage {
        group: "web",
        gib: 1,
        from: SimTime::ZERO,
        until: SimTime::from_secs(1),
    });
    meter.load_balancer_hour(&balancer_hour(0));
    let invoice = meter.finish(&PriceBook::default());
    assert_eq!((invoice.lines.len(), invoice.total), (0, 0));
    let items: Vec<&str> = invoice.unpriced.iter().map(|missing| &*missing.item).collect();
    assert_eq!(
        items,
        [
            "Fargate ephemeral storage",
            "Fargate with Linux on X86_64",
            "gp3 volumes",
            "load balancer capacity units",
            "load balancer hours",
        ]
    );
}
