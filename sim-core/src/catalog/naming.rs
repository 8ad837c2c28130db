//! What the name of an instance type says: series, generation, processor, local storage, accelerators.
//!
//! Source: EC2 instance types guide, *Naming conventions*: letters of the series, digits of the generation,
//! then a letter of the processor (`a` AMD, `g` Graviton, `i` Intel) and letters of further abilities (`d` for
//! local volumes among them). Families from before the letter was given have Intel processors, apart from
//! those that the table [`UNNAMED_AMD`] lists. Accelerators are those that the pages of the families name.

use crate::scenario::Architecture;

use super::instance_types::InstanceType;

/// Families with AMD processors whose names do not say so.
const UNNAMED_AMD: [&str; 6] = ["g5", "g6", "g6e", "gr6", "inf2", "p5"];

/// Families with instance store volumes whose names do not say so, beside the storage-optimized `i` series.
const UNNAMED_LOCAL_STORAGE: [&str; 5] = ["g5", "g6", "g6e", "gr6", "p5"];

/// Series and last generation of what the EC2 user guide lists under *Previous generation instances*.
const PREVIOUS: [(&str, u32); 9] =
    [("a", 1), ("c", 4), ("g", 3), ("i", 2), ("m", 4), ("p", 2), ("r", 4), ("t", 1), ("cc", 2)];

/// The parts of an instance type's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeName<'n> {
    /// Letters before the generation: `m`, `inf`.
    pub series: &'n str,
    /// Generation.
    pub generation: u32,
    /// Letters after the generation: processor and abilities, without `-flex`.
    pub options: &'n str,
    /// Size: what follows the point.
    pub size: &'n str,
}

impl<'n> TypeName<'n> {
    /// Takes a name such as `m7gd.2xlarge` apart; `None` if it has another form.
    pub fn parse(name: &'n str) -> Option<Self> {
        let (family, size) = name.split_once('.')?;
        let digit = family.find(|c: char| c.is_ascii_digit())?;
        let (series, rest) = family.split_at(digit);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (generation, options) = rest.split_at(end);
        let options = options.split('-').next().unwrap_or("");
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
        if series.is_empty() || size.is_empty() || !letters(series) || !letters(options) {
            return None;
        }
        Some(Self { series, generation: generation.parse().ok()?, options, size })
    }
}

/// Who makes the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CpuManufacturer {
    /// `intel`.
    Intel,
    /// `amd`.
    Amd,
    /// `amazon-web-services`.
    AmazonWebServices,
    /// `apple`.
    Apple,
}

/// Whether EC2 recommends a type for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// `current`.
    Current,
    /// `previous`.
    Previous,
}

/// What kind an accelerator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcceleratorType {
    /// `gpu`.
    Gpu,
    /// `fpga`.
    Fpga,
    /// `inference`.
    Inference,
    /// `media`.
    Media,
}

/// Who makes an accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcceleratorManufacturer {
    /// `nvidia`.
    Nvidia,
    /// `amd`.
    Amd,
    /// `amazon-web-services`.
    AmazonWebServices,
    /// `xilinx`.
    Xilinx,
    /// `habana`.
    Habana,
}

/// The accelerators of an instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accelerators {
    /// How many.
    pub count: u32,
    /// What they are.
    pub kind: AcceleratorType,
    /// Whose they are.
    pub manufacturer: AcceleratorManufacturer,
    /// Name as the API has it, for example `a10g`.
    pub name: &'static str,
}

impl InstanceType {
    /// Who makes its processor.
    pub fn cpu_manufacturer(&self) -> CpuManufacturer {
        let options = TypeName::parse(self.name).map_or("", |it| it.options);
        if self.architecture == Architecture::Arm64 {
            CpuManufacturer::AmazonWebServices
        } else if options.starts_with('a') || UNNAMED_AMD.contains(&self.family) {
            CpuManufacturer::Amd
        } else {
            CpuManufacturer::Intel
        }
    }

    /// Its generation.
    pub fn generation(&self) -> Generation {
        generation_of(self.name)
    }

    /// Whether it is one of the series that price protection starts from: C, M and R.
    pub fn is_common(&self) -> bool {
        TypeName::parse(self.name).is_some_and(|it| matches!(it.series, "c" | "m" | "r"))
    }

    /// Whether it is bare metal.
    pub fn is_bare_metal(&self) -> bool {
        TypeName::parse(self.name).is_some_and(|it| it.size.starts_with("metal"))
    }

    /// Whether its processor performance is burstable: the T series.
    pub fn is_burstable(&self) -> bool {
        TypeName::parse(self.name).is_some_and(|it| it.series == "t")
    }

    /// Whether it has instance store volumes; those of all types of the catalogue are SSDs.
    pub fn has_local_storage(&self) -> bool {
        let name = TypeName::parse(self.name);
        UNNAMED_LOCAL_STORAGE.contains(&self.family)
            || name.is_some_and(|it| it.series == "i" || it.options.contains('d'))
    }

    /// Its accelerators, if it has any.
    pub fn accelerators(&self) -> Option<Accelerators> {
        let nvidia = |name| Accelerators {
            count: self.gpus,
            kind: AcceleratorType::Gpu,
            manufacturer: AcceleratorManufacturer::Nvidia,
            name,
        };
        Some(match self.family {
            "g4dn" => nvidia("t4"),
            "g5" => nvidia("a10g"),
            "g5g" => nvidia("t4g"),
            "g6" | "gr6" => nvidia("l4"),
            "g6e" => nvidia("l40s"),
            "p3" => nvidia("v100"),
            "p4d" => nvidia("a100"),
            "p5" => nvidia("h100"),
            "inf2" => Accelerators {
                count: match self.name {
                    "inf2.24xlarge" => 6,
                    "inf2.48xlarge" => 12,
                    _ => 1,
                },
                kind: AcceleratorType::Inference,
                manufacturer: AcceleratorManufacturer::AmazonWebServices,
                name: "inferentia2",
            },
            _ => return None,
        })
    }
}

fn generation_of(name: &str) -> Generation {
    let previous = TypeName::parse(name).is_some_and(|it| {
        PREVIOUS.iter().any(|(series, last)| *series == it.series && it.generation <= *last)
    });
    if previous { Generation::Previous } else { Generation::Current }
}

/// Whether a pattern of the API, in which `*` stands for any text, has `name`. A pattern without a point is
/// that of a family: `c5*` has `c5a.large`.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((first, middle)) = pattern.split_once('*') else { return pattern == name };
    let (middle, last) = middle.rsplit_once('*').unwrap_or(("", middle));
    let rest = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = rest else { return false };
    middle.split('*').all(|part| match rest.find(part) {
        // The first place leaves most for what follows.
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::instance_types::{instance_type, instance_types};
    use super::*;

    fn of(name: &str) -> &'static InstanceType {
        instance_type(name).unwrap_or_else(|| panic!("{name} is in the catalogue"))
    }

    #[test]
    fn names_come_apart_into_series_generation_options_and_size() {
        let parse =
            |name| TypeName::parse(name).map(|it| (it.series, it.generation, it.options, it.size));
        assert_eq!(parse("m7gd.2xlarge"), Some(("m", 7, "gd", "2xlarge")));
        assert_eq!(parse("c7i-flex.large"), Some(("c", 7, "i", "large")));
        assert_eq!(parse("inf2.xlarge"), Some(("inf", 2, "", "xlarge")));
        assert_eq!(parse("i7ie.metal-24xl"), Some(("i", 7, "ie", "metal-24xl")));
        for name in ["m7g", "7g.large", "m.large", "", "m7g.", "u-6tb1.metal", "M7g.large"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn every_type_of_the_catalogue_has_a_name_of_the_documented_form() {
        for it in instance_types() {
            let name = TypeName::parse(it.name).unwrap_or_else(|| panic!("{}", it.name));
            let graviton = name.options.starts_with('g');
            assert_eq!(graviton, it.architecture == Architecture::Arm64, "{}", it.name);
            assert_eq!(it.is_burstable(), name.series == "t");
            let gpus = it.accelerators().filter(|it| it.kind == AcceleratorType::Gpu);
            assert_eq!(gpus.map_or(0, |it| it.count), it.gpus, "{}", it.name);
        }
    }

    #[test]
    fn the_processor_is_that_of_the_letter_or_of_the_table() {
        use CpuManufacturer::{AmazonWebServices, Amd, Intel};
        for (name, expected) in [
            ("m5.large", Intel),
            ("m5a.large", Amd),
            ("c7a.medium", Amd),
            ("m7i-flex.large", Intel),
            ("r6in.large", Intel),
            ("c6gn.large", AmazonWebServices),
            ("t4g.small", AmazonWebServices),
            ("g5g.xlarge", AmazonWebServices),
            ("t3a.small", Amd),
            ("i3en.large", Intel),
            ("i4g.large", AmazonWebServices),
            ("g4dn.xlarge", Intel),
            ("g5.xlarge", Amd),
            ("p3.2xlarge", Intel),
            ("inf2.xlarge", Amd),
        ] {
            if let Some(it) = instance_type(name) {
                assert_eq!(it.cpu_manufacturer(), expected, "{name}");
            }
        }
    }

    #[test]
    fn generations_follow_the_list_of_previous_ones() {
        for name in ["m4.large", "c4.large", "r3.large", "t1.micro", "g3.4xlarge", "p2.xlarge"] {
            assert_eq!(generation_of(name), Generation::Previous, "{name}");
        }
        for name in ["m5.large", "c5n.large", "t2.micro", "t3.small", "i3.large", "p3.2xlarge"] {
            assert_eq!(generation_of(name), Generation::Current, "{name}");
        }
    }

    #[test]
    fn local_storage_and_accelerators_are_those_of_the_family() {
        for name in
            ["c5d.large", "m6gd.large", "r6id.large", "i4i.large", "g4dn.xlarge", "g5.xlarge"]
        {
            assert!(of(name).has_local_storage(), "{name}");
        }
        for name in ["m5.large", "m7g.large", "p3.2xlarge", "g5g.xlarge", "inf2.xlarge"] {
            assert!(!of(name).has_local_storage(), "{name}");
        }
        let gpu = of("g5.12xlarge").accelerators().expect("it has GPUs");
        assert_eq!((gpu.count, gpu.name), (4, "a10g"));
        let chips = of("inf2.48xlarge").accelerators().expect("it has chips");
        assert_eq!((chips.count, chips.kind), (12, AcceleratorType::Inference));
        assert_eq!(of("m5.large").accelerators(), None);
    }

    #[test]
    fn patterns_of_the_api_reference_match_as_it_says() {
        let has = |pattern, name| matches_pattern(pattern, name);
        assert!(has("m5.8xlarge", "m5.8xlarge") && !has("m5.8xlarge", "m5.8xlarg"));
        assert!(!has("m5.8xlarge", "m5.8xlarge2"));
        assert!(has("c5*.*", "c5a.large") && has("c5*.*", "c5.large"));
        assert!(has("c5*", "c5n.9xlarge"), "the entire family");
        assert!(has("m5a.*", "m5a.large") && !has("m5a.*", "m5.large"));
        assert!(has("r*", "r6g.large") && !has("r*", "m6g.large"));
        assert!(has("*3*", "t3.small") && has("*3*", "m5.32xlarge") && !has("*3*", "m5.large"));
        assert!(has("*", "anything") && has("**.large", "m5.large"));
        assert!(has("*.large", "m5.large") && !has("*.large", "m5.xlarge2"));
        // What precedes the last part must leave room for it.
        assert!(!has("m5.*m5.", "m5."));
        assert!(has("*ab", "aab") && has("*abab", "abab"));
    }

    /// A pattern without shortcuts.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
            Some((first, rest)) => {
                name.split_first().is_some_and(|(c, name)| c == first && naive(rest, name))
            }
        }
    }

    #[test]
    fn patterns_agree_with_a_naive_reference() {
        let letters = [b'a', b'b', b'*'];
        let words = |n: usize, base: usize| {
            let total = base.pow(n as u32);
            (0..total).map(move |number| {
                (0..n)
                    .map(|place| letters[number / base.pow(place as u32) % base])
                    .collect::<Vec<u8>>()
            })
        };
        for pattern in (0..=4).flat_map(|n| words(n, 3)) {
            for name in (0..=4).flat_map(|n| words(n, 2)) {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("ASCII");
                let (p, n) = (text(&pattern), text(&name));
                assert_eq!(matches_pattern(&p, &n), naive(&pattern, &name), "{p} {n}");
            }
        }
    }
}
