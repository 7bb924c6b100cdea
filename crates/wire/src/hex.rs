/// Writes 32 bytes as 64 lower-case hexadecimal digits, without a heap allocation.
pub(crate) fn lower(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// Reads 64 lower-case hexadecimal digits, the spelling the vendor asks for.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
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
