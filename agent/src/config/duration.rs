//! Spans of time as people write them.

use std::time::Duration;

/// `10s`, `500ms`, `2m`, and `0` without a unit; none if it is written otherwise.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "" if number == 0 => Some(Duration::ZERO),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit_unless_it_is_zero() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("10s"), Some(Duration::from_secs(10)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("0"), Some(Duration::ZERO));
        for wrong in
            ["", "10", "s", "-1s", "1.5s", "10 s", "1h", "99999999999999999999s", "999999999999999999m"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
