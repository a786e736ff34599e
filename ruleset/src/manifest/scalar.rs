//! The YAML 1.2 core schema: which unquoted texts are not strings.

use super::node::Value;

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.into())),
    }
}

fn number(text: &str) -> Option<Value> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(Value::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if text == unsigned => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    if !is_decimal(unsigned) {
        return None;
    }
    // Whole numbers beyond 64 bits keep their size, not their last digits.
    let integer = text.parse().ok().map(Value::Integer);
    integer.or_else(|| text.parse().ok().map(Value::Float))
}

fn radix(digits: &str, radix: u32) -> Option<Value> {
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    is_number.then(|| i64::from_str_radix(digits, radix).ok().map(Value::Integer))?
}

/// `[0-9]+ (\. [0-9]*)?` or `\. [0-9]+`, each with an optional exponent.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_texts_have_the_types_of_the_core_schema() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("True", Value::Bool(true)),
            ("80", Value::Integer(80)),
            ("-7", Value::Integer(-7)),
            ("+7", Value::Integer(7)),
            ("0o17", Value::Integer(15)),
            ("0xff", Value::Integer(255)),
            ("0.5", Value::Float(0.5)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("1e3", Value::Float(1000.0)),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            ("99999999999999999999", Value::Float(1e20)),
        ] {
            assert_eq!(plain(text), value, "{text:?}");
        }
        for text in [
            "yes",
            "on",
            "1.2.3.4",
            "1:2",
            "0o",
            "0x",
            "0o8",
            "-",
            ".",
            "e3",
            "1e",
            "1e+",
            "10.0.0.0/8",
            "+.nan",
            "nUll",
        ] {
            assert_eq!(plain(text), Value::String(text.into()), "{text:?}");
        }
    }
}
