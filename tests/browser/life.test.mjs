// A ticket's life by hand, without scripts: taken on, worked on, answered with a sealed scan, returned, answered again,
// accepted. Once at a desk, once on a telephone.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { browser, overflow, pdf, reader, sandbox, shot, signIn, signOut } from "./support.mjs";

let place;
let chrome;

before(async () => {
  place = await sandbox("--at", "2021-08-16T09:00:00+08:00");
  chrome = await browser();
});

after(async () => {
  await chrome?.close();
  await place?.stop();
});

async function says(page, words) {
  const text = await page.innerText("main");
  assert.ok(text.includes(words), `${page.url()} does not say ${words}:\n${text}`);
  assert.equal(await overflow(page), 0, `${page.url()} is wider than its window`);
}

/** A link or a button of the page's main part, by its words. */
function press(page, words) {
  return page.locator("main").getByText(words, { exact: true }).last().click();
}

async function letter(page, reference, measures) {
  await page.goto(`/tickets/${reference}`);
  await press(page, "提交反馈");
  await page.fill('textarea[name="items.0.cause"]', "栏目规划不合理");
  await page.fill('textarea[name="items.0.measures"]', measures);
  await page.check('input[name="items.0.result"][value="done"]');
  await page.fill('input[name="items.0.completed_on"]', "2021-08-13");
  await page.fill('input[name="letter_no"]', "双政函〔2021〕8号");
  await page.fill('input[name="signatory"]', "李四");
  await page.setInputFiles('input[type="file"]', {
    name: "整改报告（盖章）.pdf",
    mimeType: "application/pdf",
    buffer: pdf,
  });
  await page.click("form.letter button.primary");
  await says(page, "书面反馈已提交");
  await says(page, "整改报告（盖章）.pdf");
}

async function life(width, reference, unit) {
  const { page, context, faults } = await reader(chrome, place, { login: `${unit}-liaison`, width, scripts: false });
  await says(page, "我的任务");
  await shot(page, `life-${width}-1-work`);
  await page.goto(`/tickets/${reference}`);
  await says(page, "待签收");
  await press(page, "签收");
  await page.fill('input[name="handler"]', "王五");
  await page.click("#act button.primary");
  await says(page, "已签收。");
  await press(page, "登记进展");
  await page.fill('textarea[name="text"]', "已召开专题会，明确分工。");
  await page.fill('input[name="percent"]', "40");
  await page.setInputFiles('input[type="file"]', { name: "会议纪要.pdf", mimeType: "application/pdf", buffer: pdf });
  await page.click("#act button.primary");
  await says(page, "进展已登记。");
  await says(page, "会议纪要.pdf");
  await letter(page, reference, "已合并重复栏目。");
  await shot(page, `life-${width}-2-receipt`);
  await signOut(page);

  await signIn(page, place, "coordinator");
  await page.goto(`/tickets/${reference}`);
  await says(page, "待审核的反馈");
  await says(page, "已合并重复栏目。");
  await press(page, "退回重办");
  await page.click("#act button.primary");
  await says(page, "理由：请填写此项。");
  await page.fill('textarea[name="reason"]', "请补充整改前后对比截图。");
  await page.click("#act button.primary");
  await says(page, "已退回");
  await shot(page, `life-${width}-3-returned`);
  await signOut(page);

  await signIn(page, place, `${unit}-liaison`);
  await page.goto(`/tickets/${reference}`);
  await says(page, "请补充整改前后对比截图。");
  await letter(page, reference, "已合并重复栏目，附整改前后对比截图。");
  await signOut(page);

  await signIn(page, place, "coordinator");
  await page.goto(`/tickets/${reference}`);
  await press(page, "审核通过");
  await page.fill('textarea[name="reason"]', "整改到位。");
  await page.click("#act button.primary");
  await says(page, "已审核通过。");
  await says(page, "已办结待复查");
  await shot(page, `life-${width}-4-accepted`);
  assert.deepEqual(faults, []);
  await context.close();
}

test("a ticket's life without scripts, at a desk", () => life(1280, "2021Q2-F01-01", "430502"));

test("a ticket's life without scripts, on a telephone", () => life(360, "2021Q2-F03-02", "430503"));

test("the admin turns the sandbox's clock and what is overdue shows", async () => {
  const { page, context } = await reader(chrome, place, { login: "admin", scripts: false });
  await page.fill("#sandbox-now", "2021-08-30T09:00");
  await page.click('.sandbox button[value="to"]');
  await says(page, "时钟已拨动。");
  await says(page, "逾期 3 天");
  await shot(page, "life-clock");
  await context.close();
});

test("with scripts, a form that is sent twice in a hurry is sent once, and leaving with words typed is asked", async () => {
  const { page, context, faults } = await reader(chrome, place, { login: "430523-liaison" });
  await page.goto("/tickets/2021Q2-F03-09?act=comment");
  await page.fill('#act textarea[name="text"]', "只此一条");
  await page.dblclick("#act button.primary");
  await page.waitForURL("**done=comment");
  assert.equal((await page.innerText(".timeline")).split("只此一条").length - 1, 1);
  await page.goto("/tickets/2021Q2-F03-09?act=comment");
  await page.fill('#act textarea[name="text"]', "还没写完");
  let asked = 0;
  page.on("dialog", (dialog) => {
    asked += 1;
    return dialog.accept();
  });
  await page.click("text=取消");
  await page.waitForURL("**/tickets/2021Q2-F03-09");
  assert.equal(asked, 1);
  assert.deepEqual(faults, []);
  await context.close();
});

test("the keyboard skips to the content and opens what a mouse opens", async () => {
  const { page, context } = await reader(chrome, place, { login: "430523-liaison" });
  await page.goto("/tickets/2021Q2-F03-09");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  assert.ok((await page.locator(".skip").boundingBox()).y >= 0, "it is seen once it has the focus");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await context.close();
});

test("on paper a list and a ticket have neither places nor buttons", async () => {
  const { page, context } = await reader(chrome, place, { login: "coordinator" });
  for (const path of ["/tickets", "/tickets/2021Q2-F01-01"]) {
    await page.goto(path);
    await page.emulateMedia({ media: "print" });
    for (const hidden of [".rail", ".bar", ".sandbox"]) assert.ok(await page.locator(hidden).isHidden(), hidden);
    assert.ok(await page.locator("h1").isVisible());
    assert.ok((await page.pdf({ format: "A4" })).length > 10_000);
    await page.emulateMedia({ media: "screen" });
  }
  await context.close();
});
