//! 32 bytes as 64 lower-case hexadecimal digits. Without branches, so that the compiler makes vector instructions of it:
//! that is a quarter of the cost of a verification.

/// Writes the digits.
pub(crate) fn lower(bytes: &[u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    for (index, byte) in bytes.iter().enumerate() {
        text[2 * index] = character(byte >> 4);
        text[2 * index + 1] = character(byte & 15);
    }
    text
}

fn character(digit: u8) -> u8 {
    digit + if digit < 10 { b'0' } else { b'a' - 10 }
}

/// Reads 64 digits in lower case, the spelling the vendor asks for.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let digits = text.map(digit);
    let all = digits.iter().fold(0, |all, digit| all | digit);
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = digits[2 * index] << 4 | digits[2 * index + 1];
    }
    if all > 15 { None } else { Some(bytes) }
}

/// The value of a digit, or more than 15.
fn digit(character: u8) -> u8 {
    let (decimal, letter) = (character.wrapping_sub(b'0'), character.wrapping_sub(b'a'));
    if decimal < 10 {
        decimal
    } else if letter < 6 {
        letter + 10
    } else {
        255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let bytes: [u8; 32] = std::array::from_fn(|index| (index * 37) as u8);
        let text = lower(&bytes);
        assert_eq!(decode(str::from_utf8(&text).unwrap()), Some(bytes));
    }

    #[test]
    fn only_64_lower_case_digits_are_read() {
        let cases = [
            "a".repeat(63),
            "a".repeat(65),
            "A".repeat(64),
            "g".repeat(64),
            "é".repeat(32),
            String::new(),
        ];
        assert_eq!(cases.map(|text| decode(&text)), [None; 6]);
    }
}
