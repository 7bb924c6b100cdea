use std::fmt;
use std::str::FromStr;

/// A certificate's serial number: 16 octets, positive, with 126 random bits.
///
/// RFC 5280 allows 20 octets and asks for 64 bits that nobody can foresee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial([u8; 16]);

/// The text is not a serial number of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a serial number is 32 hexadecimal digits, the first of them 4 to 7")]
pub struct InvalidSerial;

impl Serial {
    /// Makes a serial number from fresh random bytes.
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        // A first bit of 0 makes it positive; a second bit of 1 makes it the same length every time.
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Upper-case hexadecimal, as OpenSSL prints it.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl FromStr for Serial {
    type Err = InvalidSerial;

    fn from_str(text: &str) -> Result<Self, InvalidSerial> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).map_err(|_| InvalidSerial)?;
        let serial = Self::from_random(number.to_be_bytes());
        if digits && serial.0 == number.to_be_bytes() {
            Ok(serial)
        } else {
            Err(InvalidSerial)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_positive_and_of_one_length_whatever_the_bytes() {
        for (byte, first) in [(0x00, "40"), (0x7f, "7F"), (0x80, "40"), (0xff, "7F")] {
            let text = Serial::from_random([byte; 16]).to_string();
            assert_eq!(text.len(), 32);
            assert_eq!(&text[..2], first);
        }
    }

    #[test]
    fn a_serial_is_read_as_it_was_printed() {
        let serial = Serial::from_random(*b"sixteen bytes ok");
        assert_eq!(serial.to_string(), "7369787465656E206279746573206F6B");
        assert_eq!(serial.to_string().parse(), Ok(serial));
        assert_eq!(serial.to_string().to_lowercase().parse(), Ok(serial));
    }

    #[test]
    fn other_numbers_are_not_serials_of_ours() {
        for text in [
            "",
            "01",
            "C369787465656E206279746573206F6B",
            "0369787465656E206279746573206F6B",
            "+369787465656E206279746573206F6B",
            "7369787465656E206279746573206F6B00",
            "x",
        ] {
            assert_eq!(text.parse::<Serial>(), Err(InvalidSerial), "{text}");
        }
        assert_eq!(
            InvalidSerial.to_string(),
            "a serial number is 32 hexadecimal digits, the first of them 4 to 7"
        );
    }
}
