"""Whether what a rule's pattern matched is personal: by its digits and by what stands around it.

A check is a check digit, a date that exists, or a label in front. Numbers that prove themselves (a
card by Luhn's formula) count anywhere; the others count where a label says so, or where none says
that they are a policy's, an order's or a version's.

Invariant: every check takes the text and the match's ends, and looks at no more than a few words
around it.
"""

import re
from ipaddress import ip_address, ip_network

from feedback.personal_checks import (
    is_card,
    is_day,
    is_dialled,
    is_registered,
    may_be_registered,
)

# What may stand between a label and its number: "no.", "번호는", "is", a colon or a bracket.
_TAIL = (
    r"(?:\s*,?\s*(?:numbers?|no\.?|nr\.?|id|#|번호|명))?[\s:=#(]*(?:is|은|는|이|가|의)?[\s:=(]*$"
)
_OTHER = re.compile(
    r"(?:(?:polic(?:y|ies)|claim|order|invoice|case|contract|serial|receipt|isbn|model|ticket|product"
    r"|booking|reference|tracking|\bpart|\bsection|\bitem|\blot|\bsku|\bref|batch|catalogue?"
    r"|증권|접수|주문|계약|사건|영수증|제품|상품|모델|문서|송장)"
    r"|(?:customer|member(?:ship)?|application|employee|user)\s*(?=num|no|id|#)"
    r"|(?P<whose>[가-힣]{1,8})(?=번호))" + _TAIL,
    re.IGNORECASE,
)
# Whose number (..번호) may be somebody's; of all else it is said to be, it is a thing's.
_SOMEBODYS = (
    *("전화", "폰", "연락처", "안심", "팩스", "편", "내", "제"),
    *("계좌", "통장", "카드", "여권", "등록", "주민", "외국인", "신고"),
)
_REGISTER = re.compile(
    r"(?:주민(?:등록)?|등록|resident\s+registration|alien\s+registration|\brrn|\barc)" + _TAIL,
    re.IGNORECASE,
)
_BANK = re.compile(
    r"(?:은행|뱅크|농협|수협|신협|새마을금고|우체국|계좌|\bbank)[^0-9.\n]{0,14}$"
    r"|(?:신한|카카오|토스|케이|새마을)\s?$|(?:\baccount|\ba/c)" + _TAIL,
    re.IGNORECASE,
)
# Banks that are everyday words too (people, one, we, company).
_BANK_OR_WORD = re.compile(r"(?<![가-힣])(?:국민|하나|우리|기업)\s?$")
_INTO_ACCOUNT = re.compile(
    r"\)?\s*(?:계좌|(?:으로|로)\s*(?:입금|이체|송금)|[(]?[가-힣]{2,4}(?:은행|뱅크))"
    r"|,?\s*(?:my |our |the )?(?:bank )?account\b",
    re.IGNORECASE,
)
# Particles are left alone: "1234만" (only 1234), "1234일 때" (when it is 1234), "1234 명의" (in the
# name of).
_AMOUNT = re.compile(
    r"\s?(?:[십백천만억조]{1,4}\s?)?(?:원(?![가-힣])|(?:KRW|USD|EUR|JPY|won|dollars?|euros?)\b(?!['’]))"
    r"|(?:[십백천만억조]{0,4})(?:원|명|건|개|회|세|년|번|곳|달러|유로|엔)"
    r"|(?:[십백천만억조]{1,4})?\s?(?:명|건|개|회|세|년)(?![가-힣])"
    r"|\s?일(?:에|부터|까지|자|간)?(?![가-힣]|\s?(?:때|경우|수))"
    r"|\s?(?:%|퍼센트|percent\b|points?\b|(?:active |new )?(?:users?|people|persons"
    r"|customers|members|policies|units|items|years|days|downloads|bytes)\b)",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"(?:[₩$€£]|\b(?:KRW|USD|EUR|amount)|금액|한도|잔액)\s?(?:[:=]|is|은|는|이|가)?\s?$",
    re.IGNORECASE,
)
_PASSPORT = re.compile(r"(?:여권|passport)" + _TAIL, re.IGNORECASE)
_PASSPORT_NEAR = re.compile(r"(?:여권|passport)[^\n]{0,24}$", re.IGNORECASE)
_VERSION = re.compile(
    r"(?:(?:\bv|version|release|build|firmware|driver|update|patch|section|clause|chapter|article|§"
    r"|버전|펌웨어|드라이버|업데이트|빌드|약관|별표|제)[\s.:=]*"
    r"|[=<>~!]=\s?|(?:netmask|subnet\s?mask|넷\s?마스크)[\s:=]*(?:is|은|는)?\s?)$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"\s?(?:항|조|절|버전)|-(?:alpha|beta|rc|dev)")
# Four small numbers are more often a version than an address, unless something says so.
_SMALL = 100
_HOST = re.compile(
    r"(?:\bip(?:v4)?\b|아이피|주소|접속|서버|방화벽|\b(?:address|host|server|from|ssh|ping|login|vpn)\b|@"
    r"|://)[^\n]{0,12}$",
    re.IGNORECASE,
)
_HOSTED = re.compile(r"(?::[0-9]{2,5}\b|\s?(?:에서|로|으로)?\s?(?:접속|로그인|차단)| port\b)")
_NETWORK = re.compile(r"/[0-9]{1,2}(?![0-9])")
_FILE = re.compile(
    r"\.(?:png|jpe?g|gif|webp|svg|ico|bmp|tiff?|avif|heic|pdf|docx?|xlsx?|pptx?|hwpx?|csv|tsv|jsonl?"
    r"|ya?ml|toml|ini|conf|cfg|env|lock|xml|html?|s?css|[mc]?js|[jt]sx|txt|log|zip|gz|tar|7z|rar|exe"
    r"|dll|mp[34]|avi|wav|ipynb|java|cpp|sql)$",
    re.IGNORECASE,
)
# Of file names alone: as the end of an address these are countries.
_SCRIPT = re.compile(r"\.(?:py|ts|rs|md|sh|pl|so|go)$", re.IGNORECASE)
# Names that no mail can be sent to (RFC 6761, RFC 6762), units of a system, packages' versions.
_NO_MAIL = re.compile(
    r"(?:\.(?:local|localhost|localdomain|internal|lan|invalid|test|example|service|socket)"
    r"|@v?[0-9]{1,2}\..*)$",
    re.IGNORECASE,
)
_MAIL_HOST = re.compile(r"\.(?:com|net|org|edu|gov|io|[a-z]{2})$")
_PATH = re.compile(r":[~/]|:[\w.-]{1,64}/")
_IN_URL = re.compile(r"://[^\s/]{0,64}$")
_SECRET_LENGTH = 8
_SECRET_SIGNS = 6
"""Different characters; fewer are a row of crosses."""
_THIS_NETWORK = ip_network("0.0.0.0/8")
# Words with numbers between them: names of models, files and sections.
_WORDS = re.compile(
    r"(?:(?:[A-Z]?[a-z]+|[A-Z]+|(?:[a-z]{0,2}|[A-Z]+)[0-9]{1,2}|(?:19|20)[0-9]{2}|[0-9]{1,3}[a-zA-Z])"
    r"(?:[-_./]+|$))+$"
)
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")


def always(text: str, start: int, end: int) -> bool:
    """Say yes: the pattern is proof enough."""
    return True


def _labelled(label: re.Pattern[str], text: str, start: int) -> bool:
    return label.search(text, max(0, start - 36), start) is not None


def not_other(text: str, start: int, end: int) -> bool:
    """Say whether no label of something else (a policy, an order) stands in front."""
    label = _OTHER.search(text, max(0, start - 36), start)
    return label is None or (label["whose"] or "").endswith(_SOMEBODYS)


def mobile(text: str, start: int, end: int) -> bool:
    """Say whether bare digits are not behind another label; written as a phone's they count."""
    if not text[start:end].isdigit():
        return True
    return not_other(text, start, end) and not _labelled(_BANK, text, start)


def international(text: str, start: int, end: int) -> bool:
    """Say whether a number behind a plus can be dialled, and is no growth of so many."""
    number = _digits(text[start:end].replace("(0)", ""))
    _, _, rest = text[start:end].partition(" ")
    return is_dialled(number) and not is_day(rest) and not _AMOUNT.match(text, end)


def domestic(text: str, start: int, end: int) -> bool:
    """Say whether a North American number is a person's: neither toll-free nor labelled else."""
    area = _digits(text[start:end])[-10:-7]
    toll_free = area in {"800", "833", "844", "855", "866", "877", "888"}
    return not toll_free and not _AMOUNT.match(text, end) and not_other(text, start, end)


def registered(text: str, start: int, end: int) -> bool:
    """Say whether a birthday begins it, and it is written, proved or labelled as a register's."""
    number = text[start:end]
    bare = number.replace(" ", "").replace("-", "")
    if not may_be_registered(bare):
        return False
    if _labelled(_REGISTER, text, start):
        return True
    dashed, proved = "-" in number, is_registered(bare)
    return (dashed and proved) or ((dashed or proved) and not_other(text, start, end))


def card(text: str, start: int, end: int) -> bool:
    """Say whether Luhn's formula holds, and bare digits are nothing else's."""
    number = text[start:end]
    return is_card(_digits(number)) and (not number.isdigit() or not_other(text, start, end))


def account(text: str, start: int, end: int) -> bool:
    """Say whether a bank or an account is named with a number that is no day and no amount."""
    number = text[start:end]
    count = len(_digits(number))
    # Written in groups they have ten digits or more, wherever a bank's name is put before them.
    if not (8 if number.isdigit() else 10) <= count <= 17 or number.count("-") == 1:
        return False
    if is_day(number) or not not_other(text, start, end):
        return False
    if number.isdigit() and (_AMOUNT.match(text, end) or _labelled(_MONEY, text, start)):
        return False
    into = _INTO_ACCOUNT.match(text, end) is not None
    if _labelled(_BANK_OR_WORD, text, start) and (into or not number.isdigit()):
        return True
    return _labelled(_BANK, text, start) or (count >= 10 and into)


def passport(text: str, start: int, end: int) -> bool:
    """Say whether a passport is named with it."""
    # Nine digits may be anything; a letter among them tells more.
    return _labelled(_PASSPORT if text[start:end].isdigit() else _PASSPORT_NEAR, text, start)


def address(text: str, start: int, end: int) -> bool:
    """Say whether four or eight numbers are an address that somebody else can have."""
    if _labelled(_VERSION, text, start) or _CLAUSE.match(text, end):
        return False
    try:
        found = ip_address(text[start:end])
    except ValueError:
        return False
    if found.is_loopback or found.is_unspecified:
        return False
    if found.version == 6:
        return max(map(len, text[start:end].split(":"))) >= 3  # else a slice, as in x[1::2]
    if found.is_reserved or found in _THIS_NETWORK or _NETWORK.match(text, end):
        return False  # masks and their complements, and whole networks
    if max(found.packed) >= _SMALL:
        return True
    return _labelled(_HOST, text, start) or _HOSTED.match(text, end) is not None


def mailbox(text: str, start: int, end: int) -> bool:
    """Say whether mail could be sent there: it is no file, version, repository or part of a URL."""
    written = text[start:end]
    if _FILE.search(written) or _NO_MAIL.search(written):
        return False
    if " @ " in written and not _MAIL_HOST.search(written):
        return False  # a product of matrices
    return not (_PATH.match(text, end) or _labelled(_IN_URL, text, start))


def secret(text: str, start: int, end: int) -> bool:
    """Say whether what stands behind a label is drawn rather than written or a file's name."""
    value = text[start:end].rstrip(".,;:!?")
    if _CODE.match(value) or text.startswith(("(", "["), end):
        return False
    if _FILE.search(value) or _SCRIPT.search(value) or _WORDS.match(value):
        return False
    varied = len(value) >= _SECRET_LENGTH and len(set(value)) >= _SECRET_SIGNS
    return varied and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)
