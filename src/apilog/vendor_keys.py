"""What the keys of well-known vendors look like: a prefix, an alphabet, a length.

Only shapes that are well defined, so that nothing innocent has them; names and lengths follow the
vendors' own pages. Keys that are public by design (Stripe ``pk_``, Mapbox ``pk.``, Twilio account
ids) are none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = "[A-Za-z0-9_-]"
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"

SHAPES: dict[str, str] = {
    # Sessions that Django and itsdangerous sign (Flask, Starlette); a dot first: compressed.
    "session": rf"(?:eyJ(?<![_-]eyJ)|\.eJ(?<![_-]\.eJ)){_WORD}{{10,}}"
    rf"[.:]{_WORD}{{5,8}}[.:]{_WORD}{{27,}}",
    # A signed or encrypted token: two dots at least, or a second part that is JSON as well.
    "jwt": rf"eyJ(?<![_-]eyJ){_WORD}{{13,}}\.(?:eyJ{_WORD}+(?:\.{_WORD}+){{0,3}}"
    rf"|{_WORD}*\.{_WORD}+(?:\.{_WORD}+){{0,2}})",
    "1password": r"ops_eyJ[A-Za-z0-9+/]{40,}={0,3}",
    "adafruit": rf"aio_{_ALNUM}{{28}}",
    "age": r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    "airtable": rf"pat{_ALNUM}{{14}}\.{_HEX}{{64}}",
    "alibaba": rf"LTAI{_ALNUM}{{12,20}}",
    "anthropic": rf"sk-ant-[a-z0-9]{{2,8}}-{_WORD}{{20,}}",
    "asana": rf"[12]/[0-9]{{13,19}}(?:/[0-9]{{13,19}})?:{_HEX}{{32}}",
    "atlassian": rf"A(?:TATT|TCTT)3[A-Za-z0-9_=-]{{50,}}|ATBB{_ALNUM}{{32}}",
    "aws": r"A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[A-Z0-9]{16}",
    "aws_session": r"(?:IQoJb3JpZ2luX2Vj|FwoGZXIvYXdzE)[A-Za-z0-9/+]{80,}={0,2}",
    "azure_client": r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",
    "azure_devops": rf"{_ALNUM}{{76}}AZDO{_ALNUM}{{4}}",
    "azure_key": r"(?:(?<=AccountKey=)|(?<=SharedAccessKey=))[A-Za-z0-9+/]{43,86}={0,2}",
    "brevo": rf"x(?:keysib|smtpsib)-{_HEX}{{64}}-{_ALNUM}{{16}}",
    "buildkite": rf"bkua_{_HEX}{{40}}",
    "circleci": rf"CCIP(?:AT|RJ)_{_ALNUM}{{22}}_{_HEX}{{40}}",
    "cloudflare": rf"v1\.0-{_HEX}{{24}}-{_HEX}{{146}}",
    "contentful": rf"CFPAT-{_WORD}{{43}}",
    "databricks": rf"dapi{_HEX}{{32}}(?:-[0-9])?",
    "digitalocean": rf"do[opr]_v1_{_HEX}{{64}}",
    "discord": rf"[MNO]{_WORD}{{23,27}}\.{_WORD}{{6}}\.{_WORD}{{27,45}}"
    rf"|(?<=/api/webhooks/)[0-9]{{17,20}}/{_WORD}{{60,80}}|mfa\.{_WORD}{{84}}",
    "docker": rf"dckr_[po]at_{_WORD}{{27,}}",
    "doppler": r"dp\.(?:pt|ct|st|sa|scim|audit)\.[A-Za-z0-9._-]{40,}",
    "dropbox": rf"sl\.{_WORD}{{100,}}",
    "dynatrace": r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
    "easypost": rf"EZ[AT]K{_ALNUM}{{54}}",
    "elevenlabs": rf"sk_{_HEX}{{48}}",
    "facebook": rf"EAA{_ALNUM}{{80,}}",
    "figma": rf"fig[dou]r?_{_WORD}{{40,}}",
    "flutterwave": rf"FLWSECK(?:_TEST)?-{_ALNUM}{{32}}-X(?:-TEST)?",
    "flyio": rf"fm[12][ar]?_[A-Za-z0-9+/]{{60,}}={{0,3}}|fo1_{_WORD}{{43}}",
    "github": r"gh[pousr]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{36,}",
    "gitlab": r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct)-"
    rf"(?:t[0-9]_)?{_WORD}{{20,}}(?:(?:\.[0-9a-z]{{2}})?\.[0-9a-z]{{9}})?|GR1348941{_WORD}{{20,}}",
    "google": rf"AIza{_WORD}{{35}}|ya29\.[A-Za-z0-9._-]{{20,}}|GOCSPX-{_WORD}{{28}}"
    rf"|1//0{_WORD}{{35,}}|AQ\.Ab{_WORD}{{40,}}",
    "grafana": rf"glsa_{_ALNUM}{{32}}_[0-9a-fA-F]{{8}}|glc_[A-Za-z0-9+/]{{32,}}={{0,2}}"
    r"|eyJrIjoi[A-Za-z0-9]{60,}={0,2}",
    "groq": rf"gsk_{_ALNUM}{{52}}",
    "harness": rf"[ps]at\.{_WORD}{{22}}\.{_HEX}{{24}}\.{_ALNUM}{{20}}",
    "heroku": rf"HRKU-{_WORD}{{36,}}",
    "hubspot": rf"pat-[a-z]{{2}}[0-9]-{_UUID}",
    "huggingface": rf"hf_{_ALNUM}{{30,40}}|api_org_{_ALNUM}{{34}}",
    "infracost": rf"ico-{_ALNUM}{{32}}",
    "jfrog": rf"AKCp{_ALNUM}{{60,80}}|cmVmdGtu{_ALNUM}{{56}}",
    "langsmith": rf"lsv2_(?:pt|sk)_{_HEX}{{32}}_{_HEX}{{10}}",
    "linear": rf"lin_(?:api|oauth)_{_ALNUM}{{32,64}}",
    "mailchimp": rf"{_HEX}{{32}}-us[0-9]{{1,2}}",
    "mailgun": rf"key-{_HEX}{{32}}|{_HEX}{{32}}-{_HEX}{{8}}-{_HEX}{{8}}",
    "mapbox": rf"[st]k\.eyJ{_WORD}{{20,}}\.{_WORD}{{20,}}",
    "netlify": rf"nf[pcou]_{_ALNUM}{{36}}",
    "newrelic": rf"NRAK-[A-Z0-9]{{27}}|NRII-{_WORD}{{32}}|[0-9a-fA-F]{{36}}NRAL",
    "notion": rf"ntn_{_ALNUM}{{40,50}}|secret_{_ALNUM}{{43}}",
    "npm": rf"npm_{_ALNUM}{{36}}",
    "octopus": r"API-[A-Z0-9]{26}",
    "openai": rf"sk-(?:proj|svcacct|admin|None)-{_WORD}{{20,}}|sk-(?:or-v1-)?{_ALNUM}{{20,}}",
    "openshift": rf"sha256~{_WORD}{{43}}",
    "paypal": rf"access_token\$(?:production|sandbox)\$[0-9a-z]{{16}}\${_HEX}{{32}}",
    "perplexity": rf"pplx-{_ALNUM}{{40,64}}",
    "plaid": rf"access-(?:sandbox|development|production)-{_UUID}",
    "planetscale": r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}",
    "postman": rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}|PMAT-[A-Z0-9]{{26}}",
    "prefect": rf"pn[ub]_{_ALNUM}{{36}}",
    "pulumi": rf"pul-{_HEX}{{40}}",
    "pypi": rf"pypi-Ag{_WORD}{{50,}}",
    "readme": r"rdme_[a-z0-9]{70}",
    "render": rf"rnd_{_ALNUM}{{28,}}",
    "replicate": rf"r8_{_ALNUM}{{37}}",
    "resend": rf"re_{_ALNUM}{{8}}_{_ALNUM}{{24}}",
    "rubygems": rf"rubygems_{_HEX}{{48}}",
    "sendgrid": rf"SG\.{_WORD}{{16,32}}\.{_WORD}{{16,64}}",
    "sentry": r"sntry[suaim]_[A-Za-z0-9+/=_-]{40,}",
    "shippo": rf"shippo_(?:live|test)_{_HEX}{{40}}",
    "shopify": r"shp(?:at|ca|pa|ss|ua|rt)_[0-9a-fA-F]{32}",
    "slack": r"xox[a-z](?:\.xox[bp]-)?-?[A-Za-z0-9-]{20,}|xapp-[0-9]-[A-Za-z0-9-]{20,}"
    r"|(?:(?<=hooks\.slack\.com/services/)|(?<=hooks\.slack\.com/workflows/)"
    r"|(?<=hooks\.slack\.com/triggers/))[A-Za-z0-9/+_-]{30,}",
    "sonar": rf"sq[upa]_{_HEX}{{40}}",
    "sourcegraph": rf"sgp_(?:(?:{_HEX}{{16}}|local)_)?{_HEX}{{40}}",
    "square": rf"sq0(?:atp|csp)-{_WORD}{{22,43}}|EAAA{_WORD}{{60}}",
    "stripe": rf"[sr]k_(?:live|test|prod)_{_ALNUM}{{12,}}|whsec_[A-Za-z0-9+/]{{24,}}={{0,2}}"
    rf"|(?:pi|seti|cs|src)_{_ALNUM}{{14,64}}_secret_{_ALNUM}{{14,64}}",
    "supabase": rf"sb_secret_{_WORD}{{20,}}|sbp_{_HEX}{{40}}",
    "tailscale": rf"tskey-(?:[a-z]+-)?{_ALNUM}{{8,}}-{_ALNUM}{{16,}}",
    "telegram": rf"bot([0-9]{{8,10}}:AA{_WORD}{{33}})|[0-9]{{8,10}}:AA{_WORD}{{33}}",
    "tencent": rf"AKID{_ALNUM}{{32}}",
    "terraform": rf"{_ALNUM}{{14}}\.atlasv1\.{_WORD}{{60,70}}",
    "trello": rf"ATTA{_HEX}{{64}}",
    "twilio": rf"SK{_HEX}{{32}}",
    "twitter": r"A{20,24}[A-Za-z0-9%]{60,110}",
    "typeform": r"tfp_[A-Za-z0-9_.=-]{44,}",
    "vault": rf"hv[sbr]\.{_WORD}{{24,}}",
    "vercel": rf"vc[prkia]_{_ALNUM}{{24,}}",
    "xai": rf"xai-{_ALNUM}{{64,}}",
    "yandex": rf"AQVN{_WORD}{{35,38}}|y[0-3]_{_WORD}{{55,}}",
}
"""Shapes by vendor, as regular expressions of ASCII that begin with what is cheapest to rule out.

Nothing unbounded has anything after it that could fail: a search takes time in proportion to the
text. No upper bound stands where the alphabet has a hyphen, or a key that is one longer gets out.
A group is the key itself, where something before it belongs to the shape.
"""


def one_of(shapes: Iterable[str]) -> re.Pattern[str]:
    """Return what finds the first key of any of these *shapes*, from where a word begins."""
    begin = rf"(?:(?<!{_ALNUM})|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{{2}}))"
    return re.compile(f"{begin}(?:{'|'.join(shapes)})(?!{_ALNUM})")


_INSIDE = re.compile("[A-Z0-9]")


def varied(key: str) -> bool:
    """Say whether *key* can be random: ``sk-loading-indicator`` and ``ghp_xxxx...`` are not.

    What contains a varied key is varied itself: in a key that is none nothing needs to be sought.
    """
    return len(_INSIDE.findall(key)) >= 4 and len(set(key)) >= 8
