//! Snapshots of every mail in both languages: they are read by people, as an official would read them.

use super::content::*;
use super::render::*;
use super::templates::Templates;
use crate::domain::vocabulary::Part;
use crate::domain::words::Lang;
use chrono::NaiveDate;

fn render_digest(digest: &Digest) -> Result<Rendered, RenderFault> {
    super::render::render_digest(&Templates::built_in().unwrap(), digest)
}

fn render_at_once(at_once: &AtOnce) -> Result<Rendered, RenderFault> {
    super::render::render_at_once(&Templates::built_in().unwrap(), at_once)
}

fn on(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn pick(lang: Lang, zh: &str, en: &str) -> String {
    lang.pick(zh, en).to_owned()
}

fn office(lang: Lang) -> String {
    pick(lang, "邵阳市人民政府办公室", "Shaoyang Municipal Government Office")
}

fn line(lang: Lang, nth: u32, due: &str, standing: Standing, next: NextStep, notes: &[Note]) -> Line {
    Line {
        about: About::Ticket,
        reference: format!("2021Q2-F0{nth}-01"),
        title: pick(
            lang,
            "双清区人民政府网站存在栏目分类杂乱、栏目层级过深、政府信息公开内容碎片化等现象",
            "The website of the Shuangqing District Government shows a disorderly classification of columns and columns nested too deeply",
        ),
        unit: None,
        due_on: on(due),
        standing,
        next,
        notes: notes.to_vec(),
        link: format!("https://rectify.example.gov.cn/tickets/2021Q2-F0{nth}-01"),
    }
}

fn digest(lang: Lang) -> Digest {
    let requirements = Line {
        about: About::Requirements,
        reference: "2021Q2".to_owned(),
        title: pick(lang, "2021年第二季度检查情况的通报", "Notice on the inspection of the second quarter of 2021"),
        link: "https://rectify.example.gov.cn/notices/2021Q2".to_owned(),
        ..line(
            lang,
            9,
            "2021-08-31",
            Standing::WorkingDaysLeft { days: 2 },
            NextStep::AnswerRequirements,
            &[Note::RequirementsOpen { open: 10 }],
        )
    };
    let review = Line {
        unit: Some(pick(lang, "市公安局", "Municipal Public Security Bureau")),
        ..line(lang, 6, "2021-08-30", Standing::WaitingForReview { working_days: 3 }, NextStep::Review, &[])
    };
    let look_back = Line {
        unit: Some(pick(lang, "市应急管理局", "Municipal Emergency Management Bureau")),
        ..line(lang, 7, "2021-08-27", Standing::LookBackDue { days_late: 0 }, NextStep::LookBack, &[])
    };
    let overdue = |days| Standing::Overdue { days };
    Digest {
        lang,
        recipient_name: pick(lang, "张伟", "Zhang Wei"),
        office_name: office(lang),
        date: on("2021-08-27"),
        base_url: "https://rectify.example.gov.cn".to_owned(),
        list_url: "https://rectify.example.gov.cn/tickets?mine=1".to_owned(),
        overdue: vec![
            line(lang, 1, "2021-08-24", overdue(3), NextStep::FileFeedbackNow, &[Note::NotAcknowledged]),
            line(lang, 2, "2021-08-26", overdue(1), NextStep::Rework, &[Note::Prominent, Note::Returned { times: 1 }]),
            line(lang, 3, "2021-08-26", overdue(1), NextStep::ReachMilestone, &[Note::Carried]),
        ]
        .into(),
        due_today: vec![line(
            lang,
            4,
            "2021-08-27",
            Standing::DueToday,
            NextStep::FileFeedbackToday,
            &[Note::ExtensionPending],
        )]
        .into(),
        due_soon: vec![line(
            lang,
            5,
            "2021-08-31",
            Standing::WorkingDaysLeft { days: 2 },
            NextStep::Contribute,
            &[Note::CoUnit, Note::Provisional],
        )]
        .into(),
        to_acknowledge: vec![line(
            lang,
            8,
            "2021-09-10",
            Standing::WorkingDaysLeft { days: 10 },
            NextStep::Acknowledge,
            &[Note::NotAcknowledged, Note::ObjectionPending],
        )]
        .into(),
        others: vec![requirements, review, look_back].into(),
        week: None,
    }
}

fn at_once(lang: Lang, act: Act) -> AtOnce {
    AtOnce {
        lang,
        recipient_name: pick(lang, "张伟", "Zhang Wei"),
        office_name: office(lang),
        base_url: "https://rectify.example.gov.cn".to_owned(),
        act,
        reference: "2021Q2-F01-01".to_owned(),
        title: pick(
            lang,
            "双清区人民政府网站栏目分类杂乱、层级过深",
            "Disorderly columns on the Shuangqing District website",
        ),
        unit: pick(lang, "双清区人民政府", "Shuangqing District Government"),
        due_on: Some(on("2021-08-27")),
        standing: Some(Standing::WorkingDaysLeft { days: 9 }),
        reason: None,
        next: NextStep::Rectify,
        notes: Vec::new(),
        link: Some("https://rectify.example.gov.cn/tickets/2021Q2-F01-01".to_owned()),
    }
}

fn week(lang: Lang) -> Week {
    let with_unit =
        |line: Line| Line { unit: Some(pick(lang, "双清区人民政府", "Shuangqing District Government")), ..line };
    let days = |days| Standing::WorkingDaysLeft { days };
    Week {
        from: on("2021-08-23"),
        to: on("2021-08-29"),
        overdue: vec![with_unit(line(lang, 1, "2021-08-13", Standing::Overdue { days: 10 }, NextStep::Supervise, &[]))]
            .into(),
        due_this_week: vec![with_unit(line(lang, 2, "2021-08-27", days(4), NextStep::Supervise, &[]))].into(),
        waiting_for_review: vec![with_unit(line(
            lang,
            3,
            "2021-08-27",
            Standing::WaitingForReview { working_days: 1 },
            NextStep::Review,
            &[],
        ))]
        .into(),
        undelivered: vec![UndeliveredMail {
            recipient: pick(lang, "市公安局 <wjxc@example.gov.cn>", "Public Security Bureau <wjxc@example.gov.cn>"),
            subject: pick(lang, "【整改督办】逾期 1 件", "[rectify] 1 overdue"),
            queued_on: on("2021-08-20"),
            reason: "550 5.1.1 user unknown".to_owned(),
            link: "https://rectify.example.gov.cn/mail/42".to_owned(),
        }],
        undelivered_total: 1,
    }
}

/// The overview of a coordinator who has no lines of their own that day.
fn weekly(lang: Lang, week: Week) -> Digest {
    Digest { recipient_name: pick(lang, "李敏", "Li Min"), date: on("2021-08-23"), week: Some(week), ..calm(lang) }
}

/// A digest without a line.
fn calm(lang: Lang) -> Digest {
    Digest {
        overdue: Group::default(),
        due_today: Group::default(),
        due_soon: Group::default(),
        to_acknowledge: Group::default(),
        others: Group::default(),
        ..digest(lang)
    }
}

/// Subject and text; the HTML holds the same words and has its own snapshots.
fn read(mail: &Rendered) -> String {
    format!("Subject: {}\n\n{}", mail.subject, mail.text)
}

fn tag(lang: Lang) -> &'static str {
    lang.pick("zh", "en")
}

#[test]
fn digests() {
    for lang in Lang::ALL {
        let mail = render_digest(&digest(*lang)).unwrap();
        insta::assert_snapshot!(format!("digest_{}_text", tag(*lang)), read(&mail));
        insta::assert_snapshot!(format!("digest_{}_html", tag(*lang)), mail.html);
    }
}

#[test]
fn subjects_are_exactly_as_agreed() {
    for (lang, subject) in
        [(Lang::Zh, "【整改督办】逾期 3 件、今日到期 1 件"), (Lang::En, "[rectify] 3 overdue, 1 due today")]
    {
        let mut digest = digest(lang);
        digest.due_soon = Group::default();
        digest.to_acknowledge = Group::default();
        digest.others = Group::default();
        assert_eq!(render_digest(&digest).unwrap().subject, subject);
    }
    for (lang, subject) in [
        (Lang::Zh, "【整改督办】新任务 2021Q2-F01-01：双清区人民政府网站栏目分类杂乱、层级过深"),
        (Lang::En, "[rectify] New ticket 2021Q2-F01-01: Disorderly columns on the Shuangqing District website"),
    ] {
        assert_eq!(render_at_once(&at_once(lang, Act::Assigned { part: Part::Lead })).unwrap().subject, subject);
    }
}

/// Assigned, returned, accepted.
fn acts_of_assignment_and_review(lang: Lang) -> Vec<(&'static str, AtOnce)> {
    let reason = |zh, en| Some(pick(lang, zh, en));
    let of = |act| at_once(lang, act);
    vec![
        (
            "assigned",
            AtOnce {
                next: NextStep::Acknowledge,
                notes: vec![Note::Prominent],
                ..of(Act::Assigned { part: Part::Lead })
            },
        ),
        ("assigned_co", AtOnce { next: NextStep::Contribute, ..of(Act::Assigned { part: Part::Co }) }),
        (
            "returned",
            AtOnce {
                next: NextStep::Rework,
                notes: vec![Note::Returned { times: 2 }],
                reason: reason(
                    "一、栏目层级仍有四级，未达到整改要求。\n二、未附整改前后对比截图，请补充网站首页及一级、二级栏目页面截图，并注明截图时间。",
                    "1. Some columns are still four levels deep.\n2. Screenshots from before and after are missing; please add those of the home page and of the first two levels, with the time at which each was taken.",
                ),
                ..of(Act::Returned)
            },
        ),
        (
            "look_back_failed",
            AtOnce {
                next: NextStep::Rework,
                reason: reason("栏目层级过深问题反弹。", "Columns are nested too deeply again."),
                ..of(Act::LookBackFailed)
            },
        ),
        (
            "accepted",
            AtOnce {
                next: NextStep::AwaitLookBack,
                standing: None,
                due_on: None,
                ..of(Act::Accepted { look_back_on: Some(on("2021-09-24")) })
            },
        ),
        (
            "accepted_closed",
            AtOnce {
                next: NextStep::Nothing,
                standing: None,
                due_on: None,
                ..of(Act::Accepted { look_back_on: None })
            },
        ),
    ]
}

/// Dates, units, cancelling, urging.
fn acts_of_deciders(lang: Lang) -> Vec<(&'static str, AtOnce)> {
    let reason = |zh, en| Some(pick(lang, zh, en));
    let of = |act| at_once(lang, act);
    vec![
        (
            "extension_granted",
            AtOnce { due_on: Some(on("2021-09-10")), ..of(Act::ExtensionGranted { from: on("2021-08-27") }) },
        ),
        (
            "extension_refused",
            AtOnce {
                reason: reason("理由不充分。", "The grounds are not sufficient."), ..of(Act::ExtensionRefused)
            },
        ),
        (
            "due_date_moved",
            AtOnce {
                due_on: Some(on("2021-09-10")),
                reason: reason("国庆前集中核查。", "All units are checked together before the holidays."),
                ..of(Act::DueDateMoved { from: on("2021-08-27") })
            },
        ),
        (
            "reassigned_here",
            AtOnce {
                next: NextStep::Acknowledge,
                reason: reason("该网站由你单位主办。", "Your unit sponsors the website."),
                ..of(Act::ReassignedHere)
            },
        ),
        (
            "reassigned_away",
            AtOnce {
                next: NextStep::Nothing,
                due_on: None,
                standing: None,
                link: None,
                reason: reason("该网站由双清区主办。", "The website is sponsored by the district."),
                ..of(Act::ReassignedAway)
            },
        ),
        (
            "cancelled",
            AtOnce {
                next: NextStep::Nothing,
                due_on: None,
                standing: None,
                reason: reason("网站已依法关停并注销。", "The website has been closed and deregistered."),
                ..of(Act::Cancelled)
            },
        ),
        (
            "urged",
            AtOnce {
                next: NextStep::FileFeedbackNow,
                standing: Some(Standing::Overdue { days: 3 }),
                notes: vec![Note::NotAcknowledged],
                ..of(Act::Urged { times: 2 })
            },
        ),
        (
            "milestone_reported",
            AtOnce {
                next: NextStep::DecideMilestone,
                reason: reason("完成平台迁移。", "The platform is moved."),
                ..of(Act::MilestoneReported)
            },
        ),
    ]
}

#[test]
fn at_once_mails() {
    for lang in Lang::ALL {
        for (kind, mail) in [acts_of_assignment_and_review(*lang), acts_of_deciders(*lang)].concat() {
            let mail = render_at_once(&mail).unwrap();
            insta::assert_snapshot!(format!("{kind}_{}_text", tag(*lang)), read(&mail));
            if matches!(kind, "returned" | "reassigned_away") {
                insta::assert_snapshot!(format!("{kind}_{}_html", tag(*lang)), mail.html);
            }
        }
    }
}

#[test]
fn weekly_overviews() {
    for lang in Lang::ALL {
        let mail = render_digest(&weekly(*lang, week(*lang))).unwrap();
        insta::assert_snapshot!(format!("weekly_{}_text", tag(*lang)), read(&mail));
        insta::assert_snapshot!(format!("weekly_{}_html", tag(*lang)), mail.html);
        let nothing = Week {
            overdue: Group::default(),
            due_this_week: Group::default(),
            waiting_for_review: Group::default(),
            undelivered: Vec::new(),
            undelivered_total: 0,
            ..week(*lang)
        };
        let mail = render_digest(&weekly(*lang, nothing)).unwrap();
        insta::assert_snapshot!(format!("weekly_calm_{}_text", tag(*lang)), read(&mail));
    }
}

#[test]
fn a_digest_and_the_weeks_overview_are_one_mail() {
    for lang in Lang::ALL {
        let mail = render_digest(&Digest { week: Some(week(*lang)), ..digest(*lang) }).unwrap();
        insta::assert_snapshot!(format!("digest_with_week_{}_text", tag(*lang)), read(&mail));
    }
}

#[test]
fn what_a_digest_lists_already_the_overview_counts_once() {
    let own = digest(Lang::Zh).overdue;
    let all = Group { total: 120, lines: own.lines.iter().cloned().chain(many(Lang::Zh, 9).lines).collect() };
    let mail = Digest { overdue: own, week: Some(Week { overdue: all, ..week(Lang::Zh) }), ..calm(Lang::Zh) };
    let mail = render_digest(&mail).unwrap();
    assert!(mail.subject.contains("逾期 120 件"), "{}", mail.subject);
    assert_eq!(mail.text.matches("2021Q2-F01-01 ").count(), 1);
}

fn many(lang: Lang, count: u32) -> Group {
    let lines = (0..count).map(|nth| Line {
        reference: format!("R-{nth}"),
        ..line(lang, 1, "2021-08-24", Standing::Overdue { days: 3 }, NextStep::FileFeedbackNow, &[])
    });
    lines.collect::<Vec<_>>().into()
}

#[test]
fn fifty_lines_are_listed_and_the_rest_is_counted() {
    for (lang, rest) in [(Lang::Zh, "另有 16 项未在本邮件中列出"), (Lang::En, "16 more are not listed here")]
    {
        let mut digest = digest(lang);
        digest.overdue = Group { total: 60, ..many(lang, 49) };
        let mail = render_digest(&digest).unwrap();
        assert!(mail.text.contains(rest), "{}", mail.text);
        assert!(mail.html.contains(lang.pick("另有 16 项", "16 more")));
        assert_eq!(mail.text.matches("   https://").count(), DIGEST_LINES);
        assert_eq!(
            mail.html.matches("font-weight:600;\">R-").count()
                + mail.html.matches("font-weight:600;\">2021Q2-").count(),
            DIGEST_LINES
        );
    }
}

#[test]
fn a_ticket_stands_once_and_is_counted_once() {
    let mut digest = digest(Lang::Zh);
    let twice = digest.overdue.lines[0].clone();
    digest.to_acknowledge = vec![twice].into();
    let mail = render_digest(&digest).unwrap();
    assert_eq!(mail.text.matches("tickets/2021Q2-F01-01").count(), 1);
    assert!(!mail.subject.contains("待签收") && !mail.text.contains("待签收（"));
}

#[test]
fn an_empty_digest_is_not_written() {
    assert!(matches!(render_digest(&calm(Lang::Zh)), Err(RenderFault::Empty)));
}

#[test]
fn what_users_typed_is_text_in_html_and_one_line_in_a_subject() {
    let mail = AtOnce {
        title: "<script>alert(1)</script>\r\nBcc: x@y.cn".to_owned(),
        recipient_name: "<b>张</b>".to_owned(),
        reason: Some("{{ 7 * 7 }} & <i>".to_owned()),
        ..at_once(Lang::Zh, Act::Returned)
    };
    let mail = render_at_once(&mail).unwrap();
    assert!(!mail.html.contains("<script") && !mail.html.contains("<b>") && !mail.html.contains("<i>"));
    assert!(mail.html.contains("&lt;script&gt;") && mail.html.contains("{{ 7 * 7 }} &amp; &lt;i&gt;"));
    assert!(!mail.subject.contains(['\r', '\n']));
}

#[test]
fn texts_keep_to_78_columns() {
    for lang in Lang::ALL {
        for mail in [render_digest(&digest(*lang)).unwrap(), render_digest(&weekly(*lang, week(*lang))).unwrap()] {
            for line in mail.text.lines() {
                let columns: usize = line.chars().map(|c| if c >= '\u{2E80}' { 2 } else { 1 }).sum();
                assert!(columns <= 78, "{line}");
            }
        }
    }
}
