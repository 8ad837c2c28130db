//! Colours: one palette in light figures, and style rules that swap it where a dark page embeds them.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use crate::chart::Hue;

/// A colour by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Titles and bounds.
    Text,
    /// Labels of axes.
    Muted,
    /// Grid lines.
    Grid,
    /// Times of faults.
    Fault,
    /// Background.
    Paper,
    /// Data.
    Hue(Hue),
}

/// Role, colour in light figures, colour on dark pages.
const TABLE: [(Ink, (u8, u8, u8), &str); 13] = [
    (Ink::Text, (0x1B, 0x1F, 0x24), "#E8EBEF"),
    (Ink::Muted, (0x56, 0x5F, 0x69), "#A3ADB8"),
    (Ink::Grid, (0xDF, 0xE3, 0xE8), "#323A43"),
    (Ink::Fault, (0x8C, 0x8F, 0x97), "#7F8894"),
    (Ink::Paper, (0xFF, 0xFF, 0xFF), "none"),
    (Ink::Hue(Hue::Blue), (0x00, 0x72, 0xB2), "#4FA8E0"),
    (Ink::Hue(Hue::Vermillion), (0xD5, 0x5E, 0x00), "#F0803C"),
    (Ink::Hue(Hue::Green), (0x00, 0x9E, 0x73), "#2FC39A"),
    (Ink::Hue(Hue::Purple), (0xCC, 0x79, 0xA7), "#DE94BF"),
    (Ink::Hue(Hue::Orange), (0xE6, 0x9F, 0x00), "#F2B63A"),
    (Ink::Hue(Hue::Sky), (0x56, 0xB4, 0xE9), "#7CC8F2"),
    (Ink::Hue(Hue::Yellow), (0xF0, 0xE4, 0x42), "#F0E442"),
    (Ink::Hue(Hue::Grey), (0x8A, 0x93, 0x9C), "#8A939C"),
];

impl Ink {
    /// The colour in light figures.
    pub(crate) fn color(self) -> RGBColor {
        let found = TABLE.iter().find(|entry| entry.0 == self);
        let (red, green, blue) = found.map_or((0, 0, 0), |entry| entry.1);
        RGBColor(red, green, blue)
    }
}

/// Style rules for figures inside a page, below the selector `scope`: the page shows through, and with
/// `dark` every colour becomes its counterpart. They match the colours that the figures carry, so that
/// a figure is the same text on its own and inside the page.
pub(crate) fn page_css(scope: &str, dark: bool) -> String {
    let mut css = String::new();
    for (ink, (red, green, blue), other) in TABLE {
        let name = format!("#{red:02X}{green:02X}{blue:02X}");
        let to = if ink == Ink::Paper {
            "none"
        } else if dark {
            other
        } else {
            continue;
        };
        let _ = write!(css, "{scope} [fill=\"{name}\"]{{fill:{to}}}");
        if ink != Ink::Paper {
            let _ = write!(css, "{scope} [stroke=\"{name}\"]{{stroke:{to}}}");
        }
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hue_has_its_own_colour() {
        let mut colours: Vec<_> =
            Hue::ALL.iter().map(|hue| Ink::Hue(*hue).color()).map(|c| (c.0, c.1, c.2)).collect();
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), Hue::ALL.len());
        assert!(!colours.contains(&(0, 0, 0)), "a hue is missing from the table");
    }

    #[test]
    fn only_a_dark_page_changes_data_colours() {
        assert!(!page_css(".f", false).contains("#0072B2"));
        assert!(page_css(".f", true).contains(".f [stroke=\"#0072B2\"]{stroke:#4FA8E0}"));
    }
}
