"""A sandbox sends over a Postfix that listens at PORT; what lies in its Maildir is read as a mail program reads it.

Called by tests/postfix/run: check.py RECTIFY WORK PORT
"""

import email
import email.policy
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

rectify, work, port = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
DATA, BOX = work / "sandbox", work / "mail" / "all" / "new"


def start():
    """The server and its address."""
    settings = {
        "RECTIFY_MAIL__TRANSPORT": "smtp",
        "RECTIFY_MAIL__SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none",
        "RECTIFY_MAIL__FROM": "rectify@office.example.cn",
        "RECTIFY_MAIL__DOMAIN": "office.example.cn",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECTIFY_")}
    arguments = ["demo", "--at", "2021-08-16T09:00:00+08:00", "--listen", "127.0.0.1:0", "--data", str(DATA)]
    process = subprocess.Popen([rectify, *arguments], env=kept | settings, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("http://"):
            return process, line.strip()
    raise SystemExit(f"the sandbox ended: {process.wait()}")


def call(method, path, token, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def mails(address):
    """What was delivered to an address, in order: the sandbox's clock stands, so dates alone don't tell."""
    files = sorted(BOX.glob("*"), key=lambda file: file.stat().st_mtime_ns)
    read = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    own = [mail for mail in read if mail["Delivered-To"] == address]
    return sorted(own, key=lambda mail: mail["Date"].datetime)


def wait_for(address, count):
    end = time.monotonic() + 15
    while len(mails(address)) < count:
        assert time.monotonic() < end, f"{address} has {len(mails(address))} mails, not {count}"
        time.sleep(0.1)
    return mails(address)


def check_form(mail):
    """What every mail has, whatever it says."""
    for part in mail.walk():
        assert not part.defects, part.defects
    assert mail["From"].addresses[0].display_name == "整改督办", mail["From"]
    assert mail["From"].addresses[0].addr_spec == "rectify@office.example.cn", mail["From"]
    assert mail["Return-Path"] == "<rectify@office.example.cn>", mail["Return-Path"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Message-ID"].startswith("<rectify.") and mail["Message-ID"].endswith("@office.example.cn>")
    assert mail["Date"].datetime.isoformat().startswith("2021-08-1"), mail["Date"]
    assert "by mail.example.cn (Postfix)" in mail["Received"], mail["Received"]
    assert mail.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert kinds == ["text/plain", "text/html"], kinds
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "本邮件由整改督办系统自动发送" in text and "本邮件由整改督办系统自动发送" in html
    assert "\ufffd" not in text + html
    return text


process, url = start()
try:
    accounts = {user["login"]: user for user in json.loads((DATA / "demo.json").read_text())["users"]}

    def with_role(role):
        return next(user for user in accounts.values() if role in user["roles"])

    coordinator, admin = with_role("coordinator")["token"], with_role("admin")["token"]
    liaison = call("GET", "/api/v1/me", with_role("liaison")["token"])
    address = liaison["email"]
    assigned = wait_for(address, 1)
    ticket = assigned[0]["X-Rectify-Ticket"]
    call("POST", f"/api/v1/tickets/{ticket}/urge", coordinator, {"note": "请抓紧。"})
    call("POST", "/api/v1/sandbox/clock", admin, {"now": "2021-08-17T08:30:00+08:00"})
    got = wait_for(address, len(assigned) + 2)
    for mail in got:
        check_form(mail)
        assert mail["To"].addresses[0].display_name == liaison["name"], mail["To"]
    of_ticket = [mail for mail in got if mail["X-Rectify-Ticket"] == ticket]
    at_once = [mail for mail in of_ticket if ticket in mail["Subject"]]
    digests = [mail for mail in got if "待签收" in mail["Subject"]]
    subjects = [mail["Subject"] for mail in at_once]
    assert len(at_once) == 2 and len(digests) == 1, [mail["Subject"] for mail in got]
    assert subjects[0].startswith("【整改督办】新任务 " + ticket + "："), subjects
    assert subjects[1].startswith("【整改督办】") and "催办" in subjects[1], subjects
    # One root for all of a ticket's mails, which is no mail itself: that is what threads them.
    roots = {(mail["References"], mail["In-Reply-To"]) for mail in at_once}
    assert len(roots) == 1, roots
    ((references, reply_to),) = roots
    assert references == reply_to and references.startswith("<rectify.ticket."), roots
    assert len({mail["Message-ID"] for mail in got} | {references}) == len(got) + 1
    text = check_form(digests[0])
    assert ticket in text and "下一步：" in text, text
    print(f"{len(list(BOX.iterdir()))} mails through Postfix; of {liaison['name']}'s {len(got)}:")
    for mail in got:
        print(f"  {mail['Subject']}")
finally:
    process.terminate()
    process.wait()
