/// The language of the sentences in an answer. Codes never change with it.
///
/// Callers name it in `X-TC-Language` or, with signature v1, in the parameter `Language`. What the vendor answers
/// to an unknown name is not documented; here it means English, as does its absence (seen at the vendor's gateway).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Language {
    /// `en-US`
    #[default]
    EnUs,
    /// `zh-CN`
    ZhCn,
}

impl Language {
    /// Reads the name a caller sent. Anything but `zh-CN` (in any case) is English.
    pub fn named(name: &str) -> Self {
        if name.eq_ignore_ascii_case("zh-CN") {
            Self::ZhCn
        } else {
            Self::EnUs
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnUs => "en-US",
            Self::ZhCn => "zh-CN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_language_is_english() {
        let read = ["zh-CN", "ZH-cn", "en-US", "de-DE", ""].map(Language::named);
        assert_eq!(
            read,
            [
                Language::ZhCn,
                Language::ZhCn,
                Language::EnUs,
                Language::EnUs,
                Language::EnUs
            ]
        );
    }
}
