//! `Offset` and `Limit`.

use crate::api::error::ApiError;

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    offset: usize,
    limit: usize,
}

/// The part that a request wants.
///
/// # Errors
/// `InvalidParameterValue` for an offset below 0 or a limit outside of 1 to `largest`.
pub fn window(
    offset: Option<i64>,
    limit: Option<i64>,
    usual: i64,
    largest: i64,
) -> Result<Window, ApiError> {
    let offset = usize::try_from(offset.unwrap_or(0))
        .map_err(|_| ApiError::invalid_value("Offset", "it must be 0 or more"))?;
    let limit = limit.unwrap_or(usual);
    if !(1..=largest).contains(&limit) {
        return Err(ApiError::invalid_value(
            "Limit",
            format!("it must be 1 to {largest}"),
        ));
    }
    Ok(Window {
        offset,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    })
}

impl Window {
    /// The part of `all`; nothing beyond its end.
    pub fn of<T>(self, all: &[T]) -> &[T] {
        let rest = all.get(self.offset..).unwrap_or_default();
        &rest[..rest.len().min(self.limit)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_part_of_the_list() {
        let all = [1, 2, 3, 4, 5];
        assert_eq!(window(None, None, 2, 10).unwrap().of(&all), [1, 2]);
        assert_eq!(window(Some(3), Some(10), 2, 10).unwrap().of(&all), [4, 5]);
        assert_eq!(window(Some(9), Some(1), 2, 10).unwrap().of(&all), [0; 0]);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (offset, limit, message) in [
            (
                Some(-1),
                None,
                "InvalidParameterValue: The value of parameter `Offset` is not valid: it must be 0 or more.",
            ),
            (
                None,
                Some(0),
                "InvalidParameterValue: The value of parameter `Limit` is not valid: it must be 1 to 2000.",
            ),
            (
                None,
                Some(2001),
                "InvalidParameterValue: The value of parameter `Limit` is not valid: it must be 1 to 2000.",
            ),
        ] {
            assert_eq!(
                window(offset, limit, 20, 2000).unwrap_err().to_string(),
                message
            );
        }
    }
}
