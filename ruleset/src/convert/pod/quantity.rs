//! Quantities as Kubernetes writes them (`resource.Quantity`).

/// Suffixes, as a power of ten.
const DECIMAL: [(&str, i32); 9] =
    [("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// Suffixes, as a power of 1024.
const BINARY: [(&str, u32); 6] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)];

/// Digits of a number, beyond which no quantity of ours reaches.
const MAX_DIGITS: usize = 18;

/// A quantity as a whole number, rounded up as the API does. `None` for what is none, or has more digits than any limit needs.
pub(super) fn parse(text: &str) -> Option<i128> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end =
        unsigned.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > MAX_DIGITS || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = digits.parse().ok()?;
    let mantissa = if is_negative { -mantissa } else { mantissa };
    let (tens, factor) = scale(suffix)?;
    let tens = tens.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scaled = mantissa.checked_mul(factor)?;
    let power = 10_i128.checked_pow(tens.unsigned_abs())?;
    if tens >= 0 { scaled.checked_mul(power) } else { Some(divided_up(scaled, power)) }
}

/// A suffix as a power of ten and a factor.
fn scale(suffix: &str) -> Option<(i32, i128)> {
    if suffix.is_empty() {
        return Some((0, 1));
    }
    if let Some((_, tens)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((*tens, 1));
    }
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((0, 1024_i128.checked_pow(*power)?));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    exponent.parse().ok().filter(|_| !exponent.is_empty()).map(|tens| (tens, 1))
}

fn divided_up(value: i128, divisor: i128) -> i128 {
    let quotient = value.div_euclid(divisor);
    if value.rem_euclid(divisor) == 0 { quotient } else { quotient + 1 }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_are_whole_numbers_rounded_up() {
        for (text, expected) in [
            ("0", 0),
            ("500", 500),
            ("+7", 7),
            ("-7", -7),
            ("1k", 1_000),
            ("1.5k", 1_500),
            (".5k", 500),
            ("5.", 5),
            ("1Ki", 1_024),
            ("0.5Ki", 512),
            ("1500m", 2),
            ("1.2", 2),
            ("-1.2", -1),
            ("1n", 1),
            ("1e3", 1_000),
            ("1E3", 1_000),
            ("12e-1", 2),
            ("1E", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in [
            "", "-", ".", "k", "1 k", "1K", "1kk", "1.2.3", "1e", "1e1.5", "0x10", "1_000", "1e999", "many",
            "１",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
