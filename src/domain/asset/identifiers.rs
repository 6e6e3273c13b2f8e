//! Identifiers of websites and accounts: checked for the form in which they are printed, never keys.

use crate::domain::refusal::Arg;
use url::{Host, Url};

/// Short names of the provinces that filing numbers begin with.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
/// Characters of an address.
const ADDRESS: usize = 500;

/// 网站标识码: ten digits, or `bm` and eight.
///
/// # Errors
/// What it should look like.
pub fn site_code(text: &str) -> Result<String, Arg> {
    let code = text.trim().to_ascii_lowercase();
    let digits = code.strip_prefix("bm");
    let fits = digits.map_or_else(|| is_digits(&code, 10), |digits| is_digits(digits, 8));
    if fits {
        return Ok(code);
    }
    Err(Arg::both(
        "网站标识码为 10 位数字，或 bm 加 8 位数字，例如 4300000077、bm18000002",
        "A site identification code is ten digits, or bm and eight digits: 4300000077, bm18000002",
    ))
}

/// ICP 备案号: province, `ICP备`, eight or ten digits, `号`, and of one of several sites its number.
///
/// # Errors
/// What it should look like.
pub fn icp_number(text: &str) -> Result<String, Arg> {
    let number = text.trim();
    let fits = province(number).and_then(|rest| rest.strip_prefix("ICP备")).and_then(|rest| rest.split_once('号'));
    let fits = fits.is_some_and(|(digits, site)| {
        let of_site = site.strip_prefix('-').is_some_and(|site| (1..=4).any(|length| is_digits(site, length)));
        (is_digits(digits, 8) || is_digits(digits, 10)) && (site.is_empty() || of_site)
    });
    if fits {
        return Ok(number.to_owned());
    }
    Err(Arg::both(
        "ICP 备案号形如 京ICP备10036469号 或 京ICP备04000001号-2",
        "An ICP number looks like 京ICP备10036469号 or 京ICP备04000001号-2",
    ))
}

/// 公安备案号: province, `公网安备`, fourteen digits, `号`.
///
/// # Errors
/// What it should look like.
pub fn security_filing_number(text: &str) -> Result<String, Arg> {
    let number = text.trim();
    let fits = province(number).and_then(|rest| rest.strip_prefix("公网安备"));
    let fits = fits.map(|rest| rest.strip_prefix(char::is_whitespace).unwrap_or(rest));
    if fits.and_then(|rest| rest.strip_suffix('号')).is_some_and(|digits| is_digits(digits, 14)) {
        return Ok(number.to_owned());
    }
    Err(Arg::both(
        "公安备案号形如 京公网安备11040102100142号",
        "A public-security filing number looks like 京公网安备11040102100142号",
    ))
}

/// The address of a home page or an account, with or without `https://`; kept as it was written.
///
/// # Errors
/// What it should look like.
pub fn address(text: &str) -> Result<String, Arg> {
    let address = text.trim();
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let plain = address.chars().count() <= ADDRESS && !address.chars().any(|c| c.is_whitespace() || c.is_control());
    let usable = |url: Url| {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.contains('.'),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        };
        host && matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    };
    if plain && Url::parse(&whole).is_ok_and(usable) {
        return Ok(address.to_owned());
    }
    Err(Arg::both(
        "应为网址，例如 www.example.gov.cn 或 https://weibo.com/example，最多 500 个字符",
        "Must be a web address like www.example.gov.cn or https://weibo.com/example, at most 500 characters",
    ))
}

fn province(text: &str) -> Option<&str> {
    let first = text.chars().next().filter(|first| PROVINCES.contains(*first))?;
    text.strip_prefix(first)
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_code_is_ten_digits_or_bm_and_eight() {
        for (written, kept) in [
            ("4300000077", "4300000077"),
            ("bm18000002", "bm18000002"),
            (" BM07000001 ", "bm07000001"),
            ("4305020001", "4305020001"),
        ] {
            assert_eq!(site_code(written).as_deref(), Ok(kept));
        }
        for wrong in [
            "",
            "430000007",
            "43000000777",
            "bm1800000",
            "bm180000022",
            "mb18000002",
            "４３０００００077",
            "430000007a",
        ] {
            assert!(site_code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn filing_numbers_are_read_as_they_are_printed() {
        for good in ["京ICP备10036469号", "京ICP备04000001号-2", "湘ICP备2021000001号", "湘ICP备2021000001号-12"]
        {
            assert_eq!(icp_number(good).as_deref(), Ok(good));
        }
        for wrong in [
            "",
            "ICP备10036469号",
            "京ICP备1003646号",
            "京ICP备10036469",
            "京ICP备100364691号",
            "京ICP备10036469号-",
            "京ICP备10036469号-x",
            "国ICP备10036469号",
        ] {
            assert!(icp_number(wrong).is_err(), "{wrong}");
        }
        for good in ["京公网安备11040102100142号", "京公网安备 11040102100142号"] {
            assert_eq!(security_filing_number(good).as_deref(), Ok(good));
        }
        for wrong in ["", "京公网安备1104010210014号", "公网安备11040102100142号", "京公网安备  11040102100142号"]
        {
            assert!(security_filing_number(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_leads_to_a_page_and_to_nothing_else() {
        for good in
            ["www.shuangqing.gov.cn", "https://weibo.com/u/1", "http://邵阳.政务", "10.0.0.1:8080/x", "a.cn/路径"]
        {
            assert_eq!(address(good).as_deref(), Ok(good), "{good}");
        }
        let long = format!("a.cn/{}", "x".repeat(500));
        for wrong in [
            "",
            "x",
            "javascript://a.cn/%0aalert(1)",
            "ftp://a.cn",
            "https://",
            "a b.cn",
            "https://a.cn/\nb",
            "http://u:p@a.cn",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
