// A sandbox with its server, and readers with a browser each. For every test here.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), "rectify-pages."));
const binary = new URL("../../target/debug/rectify", import.meta.url).pathname;

/** A sandbox in a folder of its own; `stop` ends the server and removes it. */
export async function sandbox(...more) {
  const folder = mkdtempSync(join(tmpdir(), "rectify-sandbox."));
  const server = spawn(binary, ["demo", "--data", folder, "--listen", "127.0.0.1:0", ...more], {
    stdio: ["ignore", "ignore", "pipe"],
    // Settings of whoever runs this must not reach it.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RECTIFY_"))),
  });
  let said = "";
  server.stderr.on("data", (piece) => (said += piece));
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const accounts = await listening(folder, server, () => said);
  return {
    url: accounts.url,
    account: (login) => accounts.users.find((user) => user.login === login),
    async stop() {
      server.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listening(folder, server, said) {
  const file = join(folder, "demo.json");
  for (let tries = 0; tries < 600; tries += 1) {
    assert.equal(server.exitCode, null, `the server has ended: ${said()}`);
    if (existsSync(file)) {
      const accounts = JSON.parse(readFileSync(file, "utf8"));
      const answer = await fetch(`${accounts.url}/healthz`).catch(() => null);
      if (answer?.ok) return accounts;
    }
    await pause(100);
  }
  throw new Error(`the server does not listen: ${said()}`);
}

/** A fresh Chromium with an empty profile, which asks nobody but us. */
export function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Somebody at a window of that size; `scripts: false` as everything must work. */
export async function reader(
  chrome,
  place,
  { login, lang = "zh-CN", width = 1280, scheme = "light", scripts = true } = {},
) {
  const context = await chrome.newContext({
    baseURL: place.url,
    viewport: { width, height: 900 },
    colorScheme: scheme,
    javaScriptEnabled: scripts,
    locale: lang,
  });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (line) => {
    const expected = line.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (line.type() === "error" && !expected) faults.push(line.text());
  });
  if (login) await signIn(page, place, login, lang);
  return { page, context, faults };
}

export async function signIn(page, place, login, lang = "zh-CN") {
  const account = place.account(login);
  await page.goto(`/sign-in?lang=${lang}`);
  await page.fill("#login", account.login);
  await page.fill("#password", account.password);
  await page.click("main form button");
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}

export async function signOut(page) {
  await page.click('header form[action="/sign-out"] button');
  await page.waitForURL("**/sign-in");
}

/** What axe-core finds, each with its elements; empty where all is well. */
export async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      rules: { "target-size": { enabled: true } },
    }),
  );
  return found.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
  );
}

/** By how many pixels the page is wider than its window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

export async function shot(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

export const pdf = Buffer.from("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\nendobj\n%%EOF\n", "latin1");
