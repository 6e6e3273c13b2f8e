//! What the life of a website or an account promises.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

fn asked(to: AssetStatus, files: usize) -> Transition {
    let evidence = (0..files).map(|file| AttachmentId(Uuid::from_u128(u128::try_from(file).unwrap()))).collect();
    Transition { to, evidence, note: None }
}

/// Every arrow of the machine, as `from to`.
fn arrows(kind: AssetKind) -> BTreeSet<String> {
    let each = AssetStatus::ALL.iter().flat_map(|from| from.next(kind).iter().map(move |to| format!("{from} {to}")));
    each.collect()
}

#[test]
fn the_arrows_are_those_of_the_two_reporting_systems() {
    let account = [
        "applied active",
        "active change_pending",
        "change_pending active",
        "active winding_down",
        "winding_down deregistering",
        "deregistering deregistered",
        "deregistered closed_reported",
        "unreported active",
    ];
    assert_eq!(arrows(AssetKind::NewMedia), account.map(str::to_owned).into());
    let website = [
        "applied active",
        "active change_pending",
        "change_pending active",
        "active suspended",
        "suspended active",
        "active exempt",
        "exempt active",
        "active winding_down",
        "suspended winding_down",
        "winding_down offline",
        "unreported active",
    ];
    assert_eq!(arrows(AssetKind::Website), website.map(str::to_owned).into());
}

#[test]
fn an_end_is_refused_without_a_file_that_proves_it() {
    for (kind, from, to) in [
        (AssetKind::NewMedia, AssetStatus::Deregistered, AssetStatus::ClosedReported),
        (AssetKind::Website, AssetStatus::WindingDown, AssetStatus::Offline),
    ] {
        let refused = transit(kind, from, &asked(to, 0)).unwrap_err();
        assert_eq!(refused.faults[0].code, Code::AssetNoEvidence);
        let told = transit(kind, from, &asked(to, 1)).unwrap();
        assert_eq!((told["from"].as_str(), told["to"].as_str()), (Some(from.as_str()), Some(to.as_str())));
    }
    let refused =
        transit(AssetKind::NewMedia, AssetStatus::Active, &asked(AssetStatus::ClosedReported, 1)).unwrap_err();
    assert_eq!(refused.code, Code::AssetTransition);
    assert!(refused.detail(Lang::En).contains("change to be filed, winding down"), "{}", refused.detail(Lang::En));
}

#[test]
fn an_account_that_is_closing_counts_as_live_until_its_closure_is_reported() {
    use AssetStatus::{ClosedReported, Deregistered, Deregistering, WindingDown};
    assert!([WindingDown, Deregistering, Deregistered].iter().all(|status| status.is_live()));
    assert!(!ClosedReported.is_live());
}

#[test]
fn the_first_asset_out_of_order_is_named_with_its_status_and_the_next_step() {
    let named = |name: &str, status| NamedAsset { id: AssetId(Uuid::from_u128(1)), name: name.to_owned(), status };
    assert_eq!(in_order(&[named("甲", AssetStatus::Active), named("乙", AssetStatus::Deregistered)]), Ok(()));
    for status in AssetStatus::ALL.iter().copied().filter(|status| status.contradicts_acceptance()) {
        let refused = in_order(&[named("甲", AssetStatus::Active), named("乙", status)]).unwrap_err();
        assert_eq!(refused.code, Code::AssetContradicts);
        for lang in [Lang::Zh, Lang::En] {
            let detail = refused.detail(lang);
            assert!(detail.contains('乙') && detail.contains(status.name(lang)), "{detail}");
            assert!(!status.next_step(lang).is_empty() && detail.contains(status.next_step(lang)), "{detail}");
        }
    }
}

proptest! {
    /// Whatever is tried in whatever order, from wherever an asset may begin.
    #[test]
    fn no_sequence_leaves_the_machine_and_no_end_comes_unproved(
        account: bool, begin in 0..20_usize, tries in prop::collection::vec((0..20_usize, 0..3_usize), 0..60),
    ) {
        let kind = if account { AssetKind::NewMedia } else { AssetKind::Website };
        let beginnings: Vec<_> = AssetStatus::of(kind).iter().copied().filter(|one| one.may_begin(kind)).collect();
        let mut status = beginnings[begin % beginnings.len()];
        for (to, files) in tries {
            let to = AssetStatus::ALL[to % AssetStatus::ALL.len()];
            let before = status;
            match transit(kind, before, &asked(to, files)) {
                Ok(_) => {
                    prop_assert!(AssetStatus::of(kind).contains(&to) && before.next(kind).contains(&to));
                    if to == AssetStatus::ClosedReported {
                        prop_assert!(before == AssetStatus::Deregistered && files > 0);
                    }
                    prop_assert!(to != AssetStatus::Offline || files > 0);
                    status = to;
                }
                Err(_) => prop_assert!(!before.next(kind).contains(&to) || (to.needs_evidence() && files == 0)),
            }
            prop_assert!(AssetStatus::of(kind).contains(&status));
        }
    }
}
