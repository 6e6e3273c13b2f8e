//! Where a request comes from: the site whose page sent it, and the address at the other end.

use crate::config::Network;
use crate::domain::refusal::{Code, Refusal};
use crate::http::state::State;
use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN, X_FORWARDED_FOR};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Did another site send it? Browsers say so; what says nothing is no browser of today.
#[must_use]
pub fn is_foreign(headers: &HeaderMap, base_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut sites = headers.get_all("sec-fetch-site").peekable();
    if sites.peek().is_some() {
        return sites.any(|site| site != "same-origin" && site != "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return false };
    // A proxy may have changed the host.
    let own = origin == base_url;
    let here = origin.split_once("://").is_some_and(|(_, from)| Some(from) == text(HOST.as_str()));
    !own && !here
}

/// Refuses what another site sent, for signing in, where no form token can be asked for yet.
///
/// # Errors
/// `auth.csrf`.
pub fn check(request: &HttpRequest, state: &State) -> Result<(), Refusal> {
    if is_foreign(request.headers(), &state.world.base_url) { Err(Refusal::new(Code::CsrfMissing)) } else { Ok(()) }
}

/// The caller's address as it is counted: a network of IPv6 counts as one, for each household has so many.
#[must_use]
pub fn address(request: &HttpRequest, trusted: &[Network]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    counted(named(peer, request.headers(), trusted))
}

/// Each proxy that is trusted says whom it heard; the first who isn't one is the caller.
fn named(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let lines = headers.get_all(X_FORWARDED_FOR).filter_map(|line| line.to_str().ok());
    let heard: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut caller = peer;
    for named in heard.into_iter().rev() {
        if !trusted.iter().any(|network| network.holds(caller)) {
            break;
        }
        let Ok(named) = named.parse() else { break };
        caller = named;
    }
    caller
}

fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_form_of_another_site_is_foreign() {
        let is_foreign = |pairs: &[(&'static str, &'static str)]| is_foreign(&headers(pairs), "https://public.example");
        assert!(is_foreign(&[("sec-fetch-site", "cross-site")]));
        assert!(is_foreign(&[("sec-fetch-site", "same-site")]));
        assert!(is_foreign(&[("origin", "https://elsewhere.example"), ("host", "rectify.example")]));
        assert!(is_foreign(&[("origin", "null"), ("host", "rectify.example")]));
        assert!(!is_foreign(&[("sec-fetch-site", "same-origin"), ("origin", "https://elsewhere.example")]));
        assert!(!is_foreign(&[("sec-fetch-site", "none")]));
        assert!(!is_foreign(&[("origin", "https://rectify.example"), ("host", "rectify.example")]));
        assert!(!is_foreign(&[("origin", "https://public.example"), ("host", "127.0.0.1:8080")]));
        assert!(!is_foreign(&[]));
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_whom_it_heard_itself() {
        let trusted: Vec<Network> = ["127.0.0.1", "10.0.0.0/8"].iter().map(|text| text.parse().unwrap()).collect();
        let named = |peer: &str, line: &'static str| {
            named(peer.parse().unwrap(), &headers(&[("x-forwarded-for", line)]), &trusted).to_string()
        };
        assert_eq!(named("198.51.100.7", "192.0.2.1"), "198.51.100.7");
        assert_eq!(named("127.0.0.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(named("127.0.0.1", "203.0.113.9, 192.0.2.1, 10.0.0.2"), "192.0.2.1");
        assert_eq!(named("127.0.0.1", "nonsense"), "127.0.0.1");
        let lines = headers(&[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")]);
        assert_eq!(super::named("127.0.0.1".parse().unwrap(), &lines, &trusted).to_string(), "192.0.2.1");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_caller() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(counted("192.0.2.1"), "192.0.2.1");
    }
}
