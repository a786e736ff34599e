//! What a log rule writes, and how often it may.

use std::sync::Arc;

use crate::{
    nft::{self, LimitSense, RateLimit, Statement},
    origin::Origin,
    settings::{LogPrefix, LogRate, RateUnit, Settings},
};

/// Bytes of a prefix that are ours; a colon and a blank follow, and the kernel takes 127 with the terminator of its buffer.
const LONGEST: usize = 124;

/// The statements of a log rule behind its conditions: the limit stands in the rule itself, so that it lives as long as the rule does.
pub(super) fn statements(origin: &Origin, settings: &Settings) -> Vec<Statement> {
    let limit = settings.log_rate.map(|rate| Statement::Limit(limit(rate)));
    let log = Statement::Log(prefix(origin, &settings.log_prefix));
    [Statement::Counter].into_iter().chain(limit).chain([log]).collect()
}

fn limit(rate: LogRate) -> RateLimit {
    let per = match rate.per {
        RateUnit::Second => nft::RateUnit::Second,
        RateUnit::Minute => nft::RateUnit::Minute,
        RateUnit::Hour => nft::RateUnit::Hour,
        RateUnit::Day => nft::RateUnit::Day,
    };
    RateLimit {
        sense: LimitSense::Under,
        packets: u64::from(rate.lines.max(1)),
        per,
        burst: rate.burst.max(1),
    }
}

fn prefix(origin: &Origin, form: &LogPrefix) -> Arc<str> {
    let text = match form {
        LogPrefix::Origin => origin.to_string(),
        LogPrefix::Template(template) => filled(template, origin),
    };
    let clean: String =
        text.chars().filter(|character| !character.is_control() && *character != '"').collect();
    let cut = (0..=clean.len().min(LONGEST)).rev().find(|place| clean.is_char_boundary(*place)).unwrap_or(0);
    format!("{}: ", &clean[..cut]).into()
}

/// A template with its placeholders filled in, in one pass: what a name brings is no placeholder.
fn filled(template: &str, origin: &Origin) -> String {
    let Origin::Rule { tier, policy, .. } = origin else { return template.to_owned() };
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('%') {
        text.push_str(before);
        let mut characters = behind.chars();
        match characters.next() {
            Some('t') => text.push_str(tier.as_str()),
            Some('k') => text.push_str(policy.kind.abbreviation()),
            Some('n') => text.push_str(&policy.name),
            Some('p') => match &policy.namespace {
                Some(namespace) => text.push_str(&format!("{namespace}/{}", policy.name)),
                None => text.push_str(&policy.name),
            },
            Some(other) => text.extend(['%', other]),
            None => text.push('%'),
        }
        rest = characters.as_str();
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        name::TierName,
        policy::{Direction, PolicyKey, PolicyKind},
    };

    fn origin(name: &str) -> Origin {
        let policy = PolicyKey {
            kind: PolicyKind::NetworkPolicy,
            namespace: Some("shop".into()),
            name: name.to_owned().into(),
        };
        Origin::Rule { tier: TierName::from("security"), policy, direction: Direction::Ingress, index: 0 }
    }

    fn prefix_of(template: &str, name: &str) -> String {
        prefix(&origin(name), &LogPrefix::Template(template.into())).to_string()
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        assert_eq!(prefix_of("%t %k %n %p", "web"), "security np web shop/web: ");
        assert_eq!(prefix_of("100% %x %", "web"), "100% %x %: ");
        assert_eq!(prefix_of("%n", "%t"), "%t: ");
    }

    #[test]
    fn a_prefix_fits_into_the_kernel_and_between_quotes() {
        let long = prefix_of("\"%n\n", &"ä".repeat(100));
        assert!(long.len() < 128 && long.ends_with(": "), "{long}");
        assert!(!long.contains('"') && !long.contains('\n'));
    }

    #[test]
    fn a_limit_stands_before_what_it_limits() {
        let log_rate = Some(LogRate { lines: 3, per: RateUnit::Minute, burst: 5 });
        let settings = Settings { log_rate, ..Settings::default() };
        let statements = statements(&origin("web"), &settings);
        let limit = RateLimit { sense: LimitSense::Under, packets: 3, per: nft::RateUnit::Minute, burst: 5 };
        assert_eq!(statements[1], Statement::Limit(limit));
        assert!(matches!(statements[2], Statement::Log(_)));
    }
}
