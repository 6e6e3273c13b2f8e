//! The pages' templates, compiled in, one environment a language. What a template names must be there.

use crate::domain::words::Lang;
use crate::transaction::{Failure, Outcome};
use crate::web::texts;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;
use std::sync::OnceLock;

macro_rules! templates {
    ($($name:literal),+ $(,)?) => { [$(($name, include_str!(concat!("templates/", $name)))),+] };
}

const TEMPLATES: [(&str, &str); 34] = templates![
    "account.html",
    "account_form.html",
    "account_token.html",
    "act.html",
    "asset.html",
    "asset_form.html",
    "assets.html",
    "audit.html",
    "calendar.html",
    "desk.html",
    "error.html",
    "feedback.html",
    "forms.html",
    "frame.html",
    "hand_over.html",
    "issue.html",
    "letter.html",
    "letters.html",
    "mail.html",
    "mails.html",
    "my_work.html",
    "notice.html",
    "notices.html",
    "parts.html",
    "preview.html",
    "rehearsal.html",
    "resume.html",
    "rule.html",
    "rules.html",
    "setup.html",
    "sign_in.html",
    "statistics.html",
    "ticket.html",
    "tickets.html",
];

/// The template filled with `model`.
///
/// # Errors
/// When the template names something that the model lacks.
pub fn render<M: Serialize>(lang: Lang, name: &str, model: &M) -> Outcome<String> {
    let page = environment(lang)?.get_template(name).and_then(|template| template.render(Value::from(Serde(model))));
    page.map_err(|fault| Failure::broken(format!("template {name}: {fault}")))
}

fn environment(lang: Lang) -> Outcome<&'static Environment<'static>> {
    static ENVIRONMENTS: OnceLock<Result<[Environment<'static>; 2], String>> = OnceLock::new();
    let built = ENVIRONMENTS.get_or_init(|| {
        let build = |lang| build(lang).map_err(|fault| fault.to_string());
        Ok([build(Lang::Zh)?, build(Lang::En)?])
    });
    match built {
        Ok([zh, en]) => Ok(match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }),
        Err(fault) => Err(Failure::broken(format!("templates: {fault}"))),
    }
}

fn build(lang: Lang) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    // An error must not tell the page's data, its form token say, to the log.
    environment.set_debug(false);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_function("t", move |key: &str, args: Kwargs| text(lang, key, &args));
    environment.add_global("lang", lang.as_str());
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

fn text(lang: Lang, key: &str, args: &Kwargs) -> Result<String, Error> {
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("no text {key}"));
    let template = texts::find(lang, key).ok_or_else(unknown)?;
    let filled = texts::fill(template, |name| args.get::<Value>(name).ok().map(|value| value.to_string()));
    args.assert_all_used()?;
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed_in_both_languages() {
        for lang in [Lang::Zh, Lang::En] {
            environment(lang).unwrap();
        }
    }

    #[test]
    fn no_template_styles_or_scripts_in_line_which_the_policy_would_stop() {
        for (name, source) in TEMPLATES {
            for forbidden in ["style=", "<style", "onclick", "onsubmit", "onload", "javascript:", "|safe"] {
                assert!(!source.contains(forbidden), "{name}: {forbidden}");
            }
            assert!(!source.contains("<script>"), "{name}");
        }
    }
}
