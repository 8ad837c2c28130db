//! Which prices a book finds, and what it says about them.

use crate::billing::{FargateRates, HourlyRate, MonthlyRate, PriceBook, PriceNeeds};
use crate::catalog::{self, on_demand_price};
use crate::scenario::Architecture::{Arm64, X86_64};
use crate::scenario::OperatingSystem::{Linux, Windows};

fn needs() -> PriceNeeds<'static> {
    PriceNeeds {
        instances: vec![("m5.large", Linux), ("m5.large", Windows)],
        fargate: vec![(Linux, X86_64, false), (Linux, X86_64, true)],
        ephemeral_storage: true,
        volumes: true,
        load_balancers: true,
        ..PriceNeeds::default()
    }
}

fn usd(text: &str) -> HourlyRate {
    HourlyRate::parse(text).expect(text)
}

#[test]
fn us_east_1_has_everything_without_warnings() {
    let book = PriceBook::for_region("us-east-1", &needs()).expect("all prices known");
    assert_eq!(book.warnings(), Vec::<String>::new());
    assert_eq!(book.instance_rate("m5.large", Linux), Some(usd("0.096")));
    assert_eq!(book.instance_rate("m5.large", Windows), Some(usd("0.188")));
    let spot = book.fargate_rates(Linux, X86_64, true).expect("known");
    assert_eq!((spot.vcpu_hour, spot.gb_hour), (usd("0.01288561"), usd("0.00141493")));
    assert_eq!(book.volume_rate().map(MonthlyRate::as_ten_billionths), Some(800_000_000));
    assert_eq!(book.load_balancer_rate(), Some(usd("0.0225")));
    assert_eq!(book.load_balancer_unit_rate(), Some(usd("0.008")));
    assert_eq!(book.ephemeral_storage_rate(), Some(usd("0.000111")));
    assert_eq!(book.date(), "2023-08-30 to 2026-09-29");
    assert_eq!(book.entries().len(), 2 + 4 + 4);
}

#[test]
fn prices_of_another_region_come_with_a_warning() {
    let needs = PriceNeeds { instances: vec![("m5.large", Linux)], ..needs() };
    let book = PriceBook::for_region("eu-west-1", &needs).expect("all prices known");
    assert_eq!(book.instance_rate("m5.large", Linux), Some(usd("0.107")));
    assert_eq!(book.load_balancer_rate(), Some(usd("0.0252")));
    assert_eq!(
        book.warnings(),
        [
            "the price of Fargate ephemeral storage in `eu-west-1` is not known; \
             that of `us-east-1` is used",
            "the price of load balancer capacity units in `eu-west-1` is not known; \
             that of `us-east-1` is used",
        ]
    );
}

#[test]
fn derived_and_undated_prices_are_named() {
    let derived = catalog::instance_types()
        .iter()
        .find(|it| on_demand_price(it.name, "eu-west-1").is_some_and(|price| price.derived))
        .expect("the catalogue derives some");
    let needs = PriceNeeds {
        instances: vec![(derived.name, Linux)],
        fargate: vec![(Linux, Arm64, false)],
        ..PriceNeeds::default()
    };
    let warnings = PriceBook::from_catalogue("eu-west-1", &needs).warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains(derived.name) && warnings[0].contains("derived"));
    let warnings = PriceBook::from_catalogue("eu-central-1", &needs).warnings();
    assert!(warnings.last().expect("one").ends_with("comes without a date"), "{warnings:?}");
}

#[test]
fn missing_prices_are_listed_together() {
    let needs = PriceNeeds {
        instances: vec![("m5.larg", Linux), ("m9g.large", Linux), ("m5.large", Linux)],
        fargate: vec![(Windows, X86_64, true), (Linux, Arm64, false)],
        ..PriceNeeds::default()
    };
    let missing = PriceBook::for_region("us-west-2", &needs).expect_err("four are missing");
    let texts: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[0],
        "no price of `m5.larg` with Linux in `us-west-2`; give one in the scenario"
    );
    assert_eq!(
        texts[1],
        "no price of `m9g.large` with Linux in `us-west-2`; known in us-east-1; \
         or give one in the scenario"
    );
    assert!(texts[2].starts_with("no price of Fargate Spot with Windows on X86_64"));
    assert!(texts[3].contains("ap-northeast-1, ap-northeast-2"), "{}", texts[3]);
    assert_eq!(texts.len(), 4);
}

#[test]
fn the_scenario_can_bring_every_price() {
    let needs = PriceNeeds {
        instances: vec![("x99.large", Linux)],
        fargate: vec![(Linux, Arm64, true)],
        ..needs()
    };
    let mut book = PriceBook::from_catalogue("mars-north-1", &needs);
    assert_eq!(book.missing(&needs).len(), 2);
    book.set_instance_rate("x99.large", Linux, usd("1.5"));
    let rates = FargateRates { vcpu_hour: usd("2"), gb_hour: usd("3"), os_license_vcpu_hour: None };
    book.set_fargate_rates(Linux, Arm64, true, rates);
    book.set_ephemeral_storage_rate(usd("4"));
    book.set_volume_rate(MonthlyRate::parse("5").expect("a price"));
    book.set_load_balancer_rate(usd("6"));
    book.set_load_balancer_unit_rate(usd("7"));
    assert_eq!(book.missing(&needs), []);
    assert_eq!(book.warnings(), Vec::<String>::new());
    assert_eq!(book.date(), "");
    assert_eq!(book.instance_rate("x99.large", Linux), Some(usd("1.5")));
    let all: Vec<String> = book.entries().into_iter().map(|entry| entry.rate).collect();
    assert_eq!(all, ["1.5", "2", "3", "4", "6", "7", "5"]);
    let doubled: Vec<String> =
        book.scaled(2).entries().into_iter().map(|entry| entry.rate).collect();
    assert_eq!(doubled, ["3", "4", "6", "8", "12", "14", "10"]);
}
