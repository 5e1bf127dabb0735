"""The words that questions are made of: nouns for what is asked, frames around them, whole clauses.

`{p}` is the product, `{n}` the noun, `{q}` a clause; Korean frames write both forms of a
particle.
Invariant: each subject has the same number of nouns in both languages, and no noun names two
subjects.
"""

from demo.world import Language

# fmt: off
NOUNS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "waiting_period": ("waiting period", "waiting time", "number of waiting days", "wait"),
        "deductible": ("deductible", "own share of a loss", "amount that I pay myself", "excess"),
        "coverage_limit": (
            "coverage limit", "maximum payout", "highest amount that you pay", "limit of cover",
        ),
        "claim_deadline": (
            "claim deadline", "time limit for claims", "period for sending a claim",
            "deadline for claims",
        ),
        "main_exclusion": (
            "main exclusion", "excluded loss", "loss that is not covered", "excluded risk",
        ),
        "cancellation_fee": (
            "cancellation fee", "charge for cancelling", "cost of leaving early", "fee for leaving",
        ),
        "premium": ("monthly premium", "price each month"),
        "discount": ("family discount", "price reduction for families"),
        "agent_phone": ("agent's phone number", "telephone number of the agent"),
        "entry_age": ("entry age", "oldest age to join"),
        "branch": ("nearest branch", "address of the branch"),
        "bonus": ("loyalty bonus", "gift for new customers"),
        "rating": ("customer rating", "rank among insurers"),
        "interest": ("loan interest rate", "interest on late payment"),
    },
    "ko": {
        "waiting_period": ("면책기간", "보장 대기기간", "보장 전 대기 일수", "기다리는 기간"),
        "deductible": ("자기부담금", "본인 부담 금액", "제가 내는 몫", "본인부담금"),
        "coverage_limit": ("보장한도", "최대 보상 금액", "지급 상한액", "보상한도"),
        "claim_deadline": ("청구기한", "보험금 신청 기한", "청구 마감", "청구 기간"),
        "main_exclusion": ("주요 면책사항", "보장 제외 항목", "보상하지 않는 손해", "면책 조항"),
        "cancellation_fee": ("해지수수료", "해지 비용", "중도 해지 공제율", "해약 수수료"),
        "premium": ("월 보험료", "매달 내는 가격"),
        "discount": ("가족 할인", "가족 가입 할인율"),
        "agent_phone": ("설계사 전화번호", "담당자 연락처"),
        "entry_age": ("가입 나이", "최고 가입 연령"),
        "branch": ("가까운 지점", "지점 주소"),
        "bonus": ("장기 고객 보너스", "신규 고객 선물"),
        "rating": ("고객 평점", "보험사 순위"),
        "interest": ("대출 이율", "연체 이자"),
    },
}
# fmt: on

NOUN_FRAMES: dict[Language, tuple[str, ...]] = {
    "en": (
        "What is the {n} of {p}?",
        "Tell me the {n} under {p}, please.",
        "I have {p}. What is the {n} there?",
        "For {p}, which {n} applies?",
        "Could you look up the {n} for {p}?",
        "Do you know what {n} the terms of {p} give?",
        "{p}: what about the {n}?",
        "I need the {n} in my {p} policy.",
        "Hello, I would like to know the {n} that {p} has.",
        "My question is about {p}. Please give me its {n}.",
        "What's the {n} for {p}?",
        "What {n} does {p} have?",
        "{p} {n}?",
        "For {p}, how much is the {n}?",
        "Please tell me about the {n} of {p}.",
        "What is {p}'s {n}?",
    ),
    "ko": (
        "{p}의 {n}을/를 확인하고 싶어요.",
        "{p}의 {n}을/를 알려 주세요.",
        "{p}에 가입했습니다. {n}이/가 궁금합니다.",
        "혹시 {p} {n}을/를 아시나요?",
        "{p} 약관에 적힌 {n}을/를 찾아 주세요.",
        "{n}을/를 묻고 싶어요. 상품은 {p}입니다.",
        "{p}은/는 {n}을/를 어떻게 정하나요?",
        "안녕하세요, {p}의 {n} 확인 부탁드립니다.",
        "{p} {n} 좀 알려줘.",
        "고객인데요, {p} 계약의 {n}이/가 무엇인지 답해 주세요.",
        "{p}의 {n}은/는 얼마인가요?",
        "{p}의 {n}은/는 무엇인가요?",
        "{p} {n}은/는 어떻게 되나요?",
        "{p} {n}?",
        "{p} {n}이/가 얼마예요?",
        "{p}의 {n}에 대해 알려주세요.",
    ),
}

CLAUSES: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "waiting_period": (
            "How long must I wait before {p} pays?",
            "When does {p} cover start after I sign up?",
            "How many days pass until {p} covers me?",
        ),
        "deductible": (
            "How much do I pay myself under {p}?",
            "How much of a loss does {p} leave to me?",
            "What do I bear myself in a {p} claim?",
        ),
        "coverage_limit": (
            "What is the most that {p} will pay?",
            "Up to how much does {p} cover?",
            "How high does the cover of {p} go?",
        ),
        "claim_deadline": (
            "How long do I have to file a {p} claim?",
            "By when must a claim under {p} be sent?",
            "How many weeks do I have to claim from {p}?",
        ),
        "main_exclusion": (
            "What does {p} not cover?",
            "What is excluded from {p}?",
            "Which loss is left out of {p}?",
        ),
        "cancellation_fee": (
            "What does it cost to cancel {p}?",
            "What will I be charged when I end {p}?",
            "How much do you keep if I leave {p} early?",
        ),
    },
    "ko": {
        "waiting_period": (
            "{p}은/는 가입하고 며칠이 지나야 보장되나요?",
            "{p} 보장은 언제부터 시작되나요?",
            "{p} 보험금을 받으려면 얼마나 기다려야 하나요?",
        ),
        "deductible": (
            "{p}에서 제가 직접 내는 금액은 얼마인가요?",
            "{p} 청구 때 본인 부담은 얼마인가요?",
            "사고가 나면 {p}에서 저는 얼마를 부담하나요?",
        ),
        "coverage_limit": (
            "{p}은/는 최대 얼마까지 보장하나요?",
            "{p}에서 얼마까지 보상받나요?",
            "{p} 한도는 얼마나 높나요?",
        ),
        "claim_deadline": (
            "{p} 청구는 언제까지 해야 하나요?",
            "{p} 보험금은 몇 주 안에 신청하나요?",
            "{p} 사고는 언제까지 청구하나요?",
        ),
        "main_exclusion": (
            "{p}에서 보장하지 않는 것은 무엇인가요?",
            "{p}에서 제외되는 손해는 무엇인가요?",
            "어떤 손해가 {p} 보장에서 빠지나요?",
        ),
        "cancellation_fee": (
            "{p}을/를 해지하면 비용이 얼마인가요?",
            "{p}을/를 중간에 끝내면 얼마를 내나요?",
            "{p} 계약을 그만두면 몇 퍼센트를 떼나요?",
        ),
    },
}

CLAUSE_FRAMES: dict[Language, tuple[str, ...]] = {
    "en": ("{q}", "Quick question. {q}", "{q} Thank you.", "I am a customer. {q}"),
    "ko": ("{q}", "질문이 있어요. {q}", "{q} 감사합니다.", "고객입니다. {q}"),
}

OFF_TOPIC: dict[Language, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        (
            "What is the weather like in {x}?",
            "Tell me a joke about {x}.",
            "Write a poem about {x}.",
            "Who is the mayor of {x}?",
            "How do I cook {x}?",
            "What do you think of {x}?",
            "Explain {x} to a child.",
        ),
        (
            "Seoul", "Paris", "cats", "football", "noodles", "the moon", "computers", "history",
            "music", "Busan",
        ),
    ),
    "ko": (
        (
            "{x} 날씨가 어때요?",
            "{x}에 대한 농담을 해 주세요.",
            "{x}에 대한 시를 써 주세요.",
            "{x}의 시장은 누구인가요?",
            "{x}은/는 어떻게 요리하나요?",
            "{x}을/를 어떻게 생각하나요?",
            "{x}을/를 아이에게 설명해 주세요.",
        ),
        ("서울", "파리", "고양이", "축구", "국수", "달", "컴퓨터", "역사", "음악", "부산"),
    ),
}  # fmt: skip

GREETINGS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Hello", "Hi", "Hi there!", "Good morning.", "Hello, who are you?", "What can you do?",
        "Thanks!", "Thank you very much.", "Good evening", "Hey",
    ),
    "ko": (
        "안녕하세요", "안녕", "반갑습니다.", "좋은 아침입니다.", "누구세요?",
        "무엇을 할 수 있나요?", "감사합니다!", "고맙습니다.", "안녕하세요?", "처음 뵙겠습니다.",
    ),
}  # fmt: skip
