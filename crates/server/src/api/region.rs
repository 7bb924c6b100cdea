//! `Region`: optional; an unknown name is refused, a known one that is not served as well.

use wire::{Code, Envelope, Proof, Refusal};

/// The vendor's regions. A request for one of them is served, unless the configuration names others.
const VENDOR: &[&str] = &[
    "ap-bangkok",
    "ap-beijing",
    "ap-beijing-fsi",
    "ap-changsha-ec",
    "ap-chengdu",
    "ap-chongqing",
    "ap-fuzhou-ec",
    "ap-guangzhou",
    "ap-guangzhou-open",
    "ap-hangzhou-ec",
    "ap-hefei-ec",
    "ap-hongkong",
    "ap-jakarta",
    "ap-jinan-ec",
    "ap-mumbai",
    "ap-nanjing",
    "ap-seoul",
    "ap-shanghai",
    "ap-shanghai-adc",
    "ap-shanghai-fsi",
    "ap-shenyang-ec",
    "ap-shenzhen",
    "ap-shenzhen-fsi",
    "ap-shijiazhuang-ec",
    "ap-singapore",
    "ap-taipei",
    "ap-tianjin",
    "ap-tokyo",
    "ap-wuhan-ec",
    "ap-xian-ec",
    "ap-zhengzhou-ec",
    "eu-frankfurt",
    "eu-moscow",
    "me-saudi-arabia",
    "na-ashburn",
    "na-siliconvalley",
    "na-toronto",
    "sa-saopaulo",
];

/// Checks the region of a request against the configured ones; none configured means every one of the vendor's.
///
/// # Errors
/// `InvalidParameterValue` for a name that nobody knows, `UnsupportedRegion` for one that is not served here.
pub fn check(envelope: &Envelope<'_>, served: &[String]) -> Result<(), Refusal> {
    let Some(region) = envelope.region.as_deref() else {
        return Ok(());
    };
    let is_served = served.iter().any(|name| name == region);
    let is_vendors = VENDOR.contains(&region);
    match (is_served, is_vendors) {
        (true, _) => Ok(()),
        (false, true) if served.is_empty() => Ok(()),
        (false, true) => Err(Refusal::unsupported_region()),
        (false, false) => Err(unknown(envelope)),
    }
}

/// The vendor names the parameter with its prefix here, unlike where it is missing.
fn unknown(envelope: &Envelope<'_>) -> Refusal {
    let name = if matches!(envelope.proof, Proof::V1(_)) {
        "Region"
    } else {
        "X-TC-Region"
    };
    Refusal::new(
        Code::InvalidParameterValue,
        format!("A value specified in `{name}` is not valid, is unsupported, or cannot be used."),
    )
    .in_chinese(format!("参数 `{name}` 取值错误。"))
}
