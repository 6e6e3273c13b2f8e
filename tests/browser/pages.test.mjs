// Every page, in both languages, light and dark, wide and narrow: nothing that axe-core objects to, nothing wider than
// its window, nothing that the content policy stops.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { browser, overflow, reader, sandbox, shot, violations } from "./support.mjs";

let place;
let chrome;
let letter;
let mail;

before(async () => {
  place = await sandbox();
  chrome = await browser();
  const bearer = { headers: { authorization: `Bearer ${place.account("coordinator").token}` } };
  const first = async (path) => (await (await fetch(`${place.url}${path}`, bearer)).json()).items[0].id;
  letter = await first("/api/v1/feedback?limit=1");
  mail = await first("/api/v1/messages?limit=1");
});

after(async () => {
  await chrome?.close();
  await place?.stop();
});

/** Name and address of the pages of each role. */
function pages(login) {
  const every = [
    ["account", "/account"],
    ["missing", "/nowhere"],
  ];
  const of = {
    nobody: [["sign-in", "/sign-in"]],
    coordinator: [
      ["desk", "/"],
      ["tickets", "/tickets"],
      ["tickets-filtered", "/tickets?overdue=true&state=in_progress&state=returned&sort=-due_on"],
      ["tickets-none", "/tickets?q=nothing-like-this"],
      ["ticket-overdue", "/tickets/2021Q1-F03-09"],
      ["ticket-review", "/tickets/2021Q2-F03-02"],
      ["ticket-why", "/tickets/2021Q1-F03-09?why=430502-liaison"],
      ["act-return", "/tickets/2021Q2-F03-02?act=return"],
      ["act-objection", "/tickets/2021Q2-F03-13?act=decide_objection"],
      ["act-look-back", "/tickets/2021Q1-F03-11?act=look_back_fail"],
      ["notices", "/notices"],
      ["notice", "/notices/2021Q2"],
      ["letters", "/feedback"],
      ["letter", `/feedback/${letter}`],
      ["letter-register", "/feedback/new?ticket=2021Q1-F03-09"],
      ["mails", "/mail"],
      ["rules", "/rules"],
      ["rule", "/rules/unacknowledged"],
      ["calendar", "/calendar"],
      ["mail", `/mail/${mail}`],
      ["rehearsal", "/reminders"],
    ],
    "430502-liaison": [
      ["work", "/"],
      ["unit-tickets", "/tickets"],
      ["unit-ticket", "/tickets/2021Q2-F01-01"],
      ["act-progress", "/tickets/2021Q2-F01-01?act=progress"],
      ["letter-new", "/feedback/new?ticket=2021Q2-F01-01"],
      ["unit-notice", "/notices/2021Q2"],
      ["forbidden", "/mail"],
    ],
    approver: [
      ["act-extension", "/tickets/2021Q2-F01-01?act=decide_extension"],
      ["act-carry", "/tickets/2021Q2-F01-01?act=carry"],
      ["act-cancel", "/tickets/2021Q2-F01-01?act=cancel"],
    ],
    admin: [
      ["desk-admin", "/"],
      ["calendar-admin", "/calendar"],
    ],
  };
  return login === "coordinator" || login === "430502-liaison" ? [...of[login], ...every] : of[login];
}

for (const [lang, scheme, width] of [
  ["zh-CN", "light", 1280],
  ["en", "dark", 1280],
  ["zh-CN", "dark", 360],
  ["en", "light", 360],
]) {
  test(`every page is in order: ${lang}, ${scheme}, ${width} px`, async () => {
    const wrong = [];
    for (const login of ["nobody", "coordinator", "430502-liaison", "approver", "admin"]) {
      const who = { login: login === "nobody" ? undefined : login, lang, width, scheme };
      const { page, context, faults } = await reader(chrome, place, who);
      for (const [name, path] of pages(login)) {
        const joint = path.includes("?") ? "&" : "?";
        await page.goto(`${path}${joint}lang=${lang}`);
        await page.evaluate(() => document.querySelectorAll("main details").forEach((one) => (one.open = true)));
        wrong.push(...(await violations(page)).map((fault) => `${path}: ${fault}`));
        const wider = await overflow(page);
        if (wider > 0) wrong.push(`${path}: ${wider} px wider than its window`);
        await shot(page, `${name}-${lang}-${scheme}-${width}`);
      }
      wrong.push(...faults.map((fault) => `${login}: ${fault}`));
      await context.close();
    }
    assert.deepEqual(wrong, []);
  });
}

test("a refused form leads from its summary to its fields", async () => {
  const { page, context, faults } = await reader(chrome, place, { login: "approver" });
  await page.goto("/tickets/2021Q2-F01-01?act=carry");
  await page.click("#act button.primary");
  assert.deepEqual(await violations(page), []);
  assert.equal(await page.evaluate(() => document.activeElement.id), "problems");
  await shot(page, "refused");
  await page.click(".problems a");
  assert.equal(await page.evaluate(() => document.activeElement.id), "f-reason");
  assert.deepEqual(faults, []);
  await context.close();
});

test("what is seen rarely is in order too: a preview, a stale form, a session that ended", async () => {
  const send = async (path, body) => {
    const headers = {
      authorization: `Bearer ${place.account("coordinator").token}`,
      "content-type": "application/json",
    };
    const answer = await fetch(`${place.url}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, await answer.text());
  };
  await send("/notices", { code: "2026Q4", title: "2026年第四季度检查通报", deadline: { on: "2099-01-05" } });
  await send("/notices/2026Q4/findings", {
    code: "F01",
    title: "链接失效",
    text: "网站首页多处链接失效。",
    unit_ids: ["430502", "430503"],
  });
  for (const [lang, width, scheme] of [["zh-CN", 1280, "light"], ["en", 360, "dark"]]) {
    const { page, context, faults } = await reader(chrome, place, { login: "coordinator", lang, width, scheme });
    const look = async (name) => {
      assert.deepEqual(await violations(page), [], name);
      assert.equal(await overflow(page), 0, name);
      await shot(page, `${name}-${lang}-${scheme}-${width}`);
    };
    await page.goto("/notices/2026Q4");
    await look("rare-draft");
    await page.click('form[action$="/issue"] button');
    await look("rare-preview");

    await page.goto("/rules/before-3");
    await page.fill('input[name="offsets"]', "-2");
    await page.click("#act button.primary");
    await look("rare-rule-preview");
    await page.click('button[value="edit"]');
    await page.fill('input[name="offsets"]', "2, 1");
    await page.click("#act button.primary");
    await look("rare-rule-refused");

    await page.goto("/tickets/2021Q2-F03-04?act=urge");
    await send("/tickets/2021Q2-F03-04/comment", { text: "已电话联系。" });
    await page.fill('textarea[name="note"]', "请加快办理。");
    await page.click("#act button.primary");
    await look("rare-stale");

    await context.clearCookies({ name: /session/ });
    await page.click("#act button.primary");
    await look("rare-ended");
    await page.fill("#login", "coordinator");
    await page.fill("#password", place.account("coordinator").password);
    await page.click("main form button");
    await look("rare-resume");
    await page.click("main form button");
    await page.waitForURL("**/tickets/2021Q2-F03-04?done=urge");
    assert.deepEqual(faults, []);
    await context.close();
  }
});
