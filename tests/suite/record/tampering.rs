//! Whatever is changed behind the product's back is found, and the first broken link named: a record of several thousand
//! timelines, and one tampering after the other. Each is read from the database by the proof of its timelines, one in
//! twenty by the proof of the whole as well.

use crate::support::bureau::Bureau;
use crate::support::dice::{self, Dice};
use crate::support::record::{disarm, hashed, next};
use diesel::prelude::*;
use rectify::actions::checkpoints::make;
use rectify::domain::actor::Actor;
use rectify::domain::audit::proof::CHECKPOINTS;
use rectify::queries::audit::{self, Broken};
use rectify::store::Conn;
use rectify::store::events::{self, EventRow};
use rectify::store::schema::{checkpoint_heads, checkpoints, events as table};
use rectify::transaction::World;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const KINDS: [&str; 20] = [
    "stream",
    "seq",
    "id",
    "at",
    "actor",
    "actor_name",
    "act",
    "payload",
    "salt",
    "payload_digest",
    "name_salt",
    "name_digest",
    "prev_hash",
    "hash",
    "swap",
    "delete",
    "cut",
    "whole stream",
    "forge",
    "rewrite",
];
const CHECKPOINT_KINDS: [&str; 4] = ["checkpoint", "head", "no head", "no checkpoint"];

/// Where the first broken link must be: one of these streams, and the numbers it may have there.
struct Expected {
    streams: Vec<String>,
    seqs: Vec<i64>,
}

fn setting(name: &str, ordinary: usize) -> usize {
    dice::number(name).map_or(ordinary, |number| usize::try_from(number).unwrap())
}

/// Timelines of 5 to 45 events, three checkpoints over them, the last over all.
fn recorded(world: &World, dice: &mut Dice, count: usize) -> Vec<Vec<EventRow>> {
    let mut streams: Vec<Vec<EventRow>> = Vec::new();
    let now = world.clock.now();
    let kinds = ["ticket", "user", "feedback", "notice", "unit"];
    let mut left = count;
    while left > 0 {
        let length = usize::try_from(5 + dice.below(41)).unwrap().min(left);
        let name = format!("{}:{}", kinds[streams.len() % kinds.len()], world.ids.uuid(now));
        let mut rows = Vec::with_capacity(length);
        for number in 0..length {
            let payload = format!("{{\"text\":\"第 {number} 条进展\",\"percent\":{number}}}");
            rows.push(next(&rows, &name, (world.ids.uuid(now), now), &payload));
        }
        left -= length;
        streams.push(rows);
    }
    for part in 0..3_usize {
        let piece: Vec<EventRow> = streams
            .iter()
            .flat_map(|rows| {
                let (third, length) = (rows.len() / 3, rows.len());
                let upto = if part == 2 { length } else { (part + 1) * third };
                rows[part * third..upto].to_vec()
            })
            .collect();
        world.write_now(move |tx| Ok(events::insert_all(tx.conn, &piece)?)).unwrap();
        let begun = Instant::now();
        let made = make(world, &Actor::system("test")).unwrap().unwrap();
        println!("checkpoint {}: {} heads in {:.1?}", made.number, made.heads, begun.elapsed());
    }
    streams
}

fn put(conn: &mut Conn, row: &EventRow, change: impl FnOnce(&mut EventRow)) {
    let mut changed = row.clone();
    change(&mut changed);
    remove(conn, &row.stream, row.seq..=row.seq);
    events::insert(conn, &changed).unwrap();
}

fn remove(conn: &mut Conn, stream: &str, seqs: std::ops::RangeInclusive<i64>) {
    let gone = table::table.filter(table::stream.eq(stream)).filter(table::seq.between(*seqs.start(), *seqs.end()));
    diesel::delete(gone).execute(conn).unwrap();
}

fn index(dice: &mut Dice, length: usize) -> usize {
    usize::try_from(dice.below(u64::try_from(length).unwrap())).unwrap()
}

/// One bit of it.
fn flip(bytes: &mut [u8], dice: &mut Dice) {
    let at = index(dice, bytes.len());
    bytes[at] ^= 1 << dice.below(8);
}

/// Does it, and says where it must be found.
fn tamper(conn: &mut Conn, kind: &str, rows: &[EventRow], other: &[EventRow], dice: &mut Dice) -> Expected {
    let at = index(dice, rows.len());
    let (row, last) = (&rows[at], rows.last().unwrap().seq);
    let name = row.stream.clone();
    let one = |seqs: &[i64]| Expected { streams: vec![name.clone()], seqs: seqs.to_vec() };
    // Where a number is missing, the next one tells; the last one's absence tells of itself.
    let gap = |seq: i64| if seq == last { seq } else { seq + 1 };
    match kind {
        "stream" => {
            let to = other[0].stream.clone();
            let foreign = EventRow { stream: to.clone(), seq: other.last().unwrap().seq + 1, ..row.clone() };
            remove(conn, &name, row.seq..=row.seq);
            events::insert(conn, &foreign).unwrap();
            return Expected { streams: vec![name.clone(), to], seqs: vec![gap(row.seq), foreign.seq] };
        }
        "seq" => {
            put(conn, row, |row| row.seq = last + 5);
            return one(&[gap(row.seq), last + 5]);
        }
        "id" => put(conn, row, |row| row.id.0 = uuid::Uuid::from_u128(u128::from(dice.below(u64::MAX)))),
        "at" => put(conn, row, |row| row.at = row.at.plus(chrono::TimeDelta::microseconds(1))),
        "actor" => put(conn, row, |row| row.actor.push('1')),
        "actor_name" => put(conn, row, |row| row.actor_name = "王伟".to_owned()),
        "act" => put(conn, row, |row| row.act = "ticket.commented".to_owned()),
        "payload" => {
            put(conn, row, |row| row.payload = row.payload.as_ref().map(|text| text.replace("进展", "完成")));
        }
        "salt" => put(conn, row, |row| flip(&mut row.salt, dice)),
        "payload_digest" => put(conn, row, |row| flip(&mut row.payload_digest, dice)),
        "name_salt" => put(conn, row, |row| flip(row.name_salt.as_mut().unwrap(), dice)),
        "name_digest" => put(conn, row, |row| flip(row.name_digest.as_mut().unwrap(), dice)),
        "prev_hash" => put(conn, row, |row| flip(&mut row.prev_hash, dice)),
        "hash" => put(conn, row, |row| flip(&mut row.hash, dice)),
        "swap" => {
            let second = &rows[(at + 1) % rows.len()];
            remove(conn, &name, row.seq..=row.seq);
            put(conn, second, |held| held.seq = row.seq);
            events::insert(conn, &EventRow { seq: second.seq, ..row.clone() }).unwrap();
            return one(&[row.seq.min(second.seq)]);
        }
        "delete" => {
            remove(conn, &name, row.seq..=row.seq);
            return one(&[gap(row.seq)]);
        }
        "cut" => {
            remove(conn, &name, row.seq..=last);
        }
        "whole stream" => {
            remove(conn, &name, 1..=last);
            return one(&[1]);
        }
        "forge" => {
            put(conn, row, |row| {
                row.payload = Some("{\"text\":\"伪造\"}".to_owned());
                *row = hashed(row.clone());
            });
            // It fits in itself; what follows doesn't, or a checkpoint has seen another one.
            return one(&[row.seq, row.seq + 1]);
        }
        "rewrite" => {
            let mut written: Vec<EventRow> = rows[..at].to_vec();
            for old in &rows[at..] {
                let new = next(&written, &name, (old.id.0, old.at), "{\"text\":\"重写\"}");
                written.push(new);
            }
            remove(conn, &name, row.seq..=last);
            events::insert_all(conn, &written[at..]).unwrap();
            // The first head that a checkpoint has of what was written anew.
            return one(&(row.seq..=last).collect::<Vec<_>>());
        }
        other => panic!("{other}"),
    }
    one(&[row.seq])
}

fn tamper_checkpoint(conn: &mut Conn, kind: &str, dice: &mut Dice) {
    let number = 1 + i64::try_from(dice.below(3)).unwrap();
    let of_number = || checkpoints::table.filter(checkpoints::number.eq(number));
    let heads = || checkpoint_heads::table.filter(checkpoint_heads::checkpoint.eq(number));
    let count: i64 = heads().count().get_result(conn).unwrap();
    let nth = i64::try_from(dice.below(u64::try_from(count).unwrap())).unwrap();
    let stream: String =
        heads().order(checkpoint_heads::stream.asc()).offset(nth).select(checkpoint_heads::stream).first(conn).unwrap();
    let head = checkpoint_heads::table.find((number, stream));
    let hash = vec![u8::try_from(dice.below(256)).unwrap(); 32];
    let done = match (kind, dice.below(3)) {
        ("checkpoint", 0) => diesel::update(of_number()).set(checkpoints::heads.eq(0)).execute(conn),
        ("checkpoint", 1) => diesel::update(of_number()).set(checkpoints::hash.eq(hash)).execute(conn),
        ("checkpoint", _) => diesel::update(of_number()).set(checkpoints::prev_hash.eq(hash)).execute(conn),
        ("head", 0) => diesel::update(head).set(checkpoint_heads::seq.eq(0)).execute(conn),
        ("head", 1) => diesel::update(head).set(checkpoint_heads::stream.eq("ticket:0")).execute(conn),
        ("head", _) => diesel::update(head).set(checkpoint_heads::hash.eq(hash)).execute(conn),
        ("no head", _) => diesel::delete(head).execute(conn),
        _ => {
            diesel::delete(heads()).execute(conn).unwrap();
            diesel::delete(of_number()).execute(conn)
        }
    };
    assert_eq!(done.unwrap(), 1, "{kind}");
}

/// The first in the order of streams and numbers.
fn first(found: Vec<Broken>) -> Option<Broken> {
    found.into_iter().min_by(|one, other| (&one.stream, one.seq).cmp(&(&other.stream, other.seq)))
}

#[test]
fn every_tampering_is_found_and_the_first_broken_link_named() {
    let count = setting("RECTIFY_TEST_EVENTS", 6_000);
    let tries = setting("RECTIFY_TEST_TAMPERINGS", 120);
    let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let world = bureau.world.clone();
    let mut dice = Dice(20_210_816);
    let begun = Instant::now();
    let streams = recorded(&world, &mut dice, count);
    world.db.write_now(disarm).unwrap();
    let made = begun.elapsed();
    let begun = Instant::now();
    let verdict = world.read_now(audit::verify).unwrap();
    let once = begun.elapsed();
    assert!(verdict.whole, "{:?}", verdict.first_broken);
    println!(
        "{} events of {} timelines made in {made:.1?}, {} checkpoints, proven in {once:.2?}",
        verdict.events,
        streams.len(),
        verdict.checkpoints
    );
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut wholes, mut whole_time) = (0, Duration::ZERO);
    let begun = Instant::now();
    for number in 0..tries {
        let all = KINDS.len() + CHECKPOINT_KINDS.len();
        let kind = KINDS.iter().chain(&CHECKPOINT_KINDS).copied().nth(number % all).unwrap();
        let pick = |dice: &mut Dice| streams[index(dice, streams.len())].clone();
        let (rows, mut other) = (pick(&mut dice), pick(&mut dice));
        while other[0].stream == rows[0].stream {
            other = pick(&mut dice);
        }
        let is_checkpoint = CHECKPOINT_KINDS.contains(&kind);
        let is_whole = is_checkpoint || number % 20 == 7;
        let seed = dice.below(u64::MAX);
        let at = Instant::now();
        let (expected, one, all) = world
            .write_now(move |tx| {
                tx.rehearse(|tx| {
                    let mut dice = Dice(seed);
                    let expected = if is_checkpoint {
                        tamper_checkpoint(tx.conn, kind, &mut dice);
                        Expected { streams: vec![CHECKPOINTS.to_owned()], seqs: vec![1, 2, 3] }
                    } else {
                        tamper(tx.conn, kind, &rows, &other, &mut dice)
                    };
                    let mut one = Vec::new();
                    if !is_checkpoint {
                        for stream in &expected.streams {
                            one.extend(audit::verify_stream(&mut tx.read(), stream)?.first_broken);
                        }
                    }
                    let all = if is_whole { Some(audit::verify(&mut tx.read())?) } else { None };
                    Ok((expected, one, all))
                })
            })
            .unwrap();
        let named = if is_checkpoint { None } else { Some(first(one)) };
        if let Some(all) = all {
            wholes += 1;
            whole_time += at.elapsed();
            if let Some(named) = &named {
                assert_eq!(named, &all.first_broken, "{number}: {kind}");
            }
            let named = all.first_broken.unwrap_or_else(|| panic!("{number}: {kind} is not found"));
            assert!(
                expected.streams.contains(&named.stream) && expected.seqs.contains(&named.seq),
                "{kind}: {named:?}"
            );
        }
        if let Some(named) = named {
            let named = named.unwrap_or_else(|| panic!("{number}: {kind} is not found"));
            assert!(
                expected.streams.contains(&named.stream) && expected.seqs.contains(&named.seq),
                "{number}: {kind}: {named:?} where {:?} of {:?} was expected",
                expected.seqs,
                expected.streams
            );
        }
        *found.entry(kind).or_default() += 1;
    }
    println!(
        "{tries} tamperings in {:.1?}, all found; {wholes} by the proof of the whole ({whole_time:.1?})",
        begun.elapsed()
    );
    println!("{found:?}");
    assert!(world.read_now(audit::verify).unwrap().whole, "every tampering was taken back");
}
