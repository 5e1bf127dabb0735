// What the pages do without asking the server: language, drawer, keys, copying, editing.
// Nothing here decides anything: whoever changes it in their browser changes their own page only.
(() => {
  const narrow = matchMedia("(max-width: 899px)");
  const find = (selector) => document.querySelector(selector);
  const root = document.documentElement;
  root.lang = (navigator.language || "en").toLowerCase().startsWith("ko") ? "ko" : "en";

  // What the page was written in, and what it is called, stands in its first line.
  function named() {
    const top = find("[data-title]");
    if (top && root.lang !== top.lang) root.lang = top.lang;
    if (top && document.title !== top.dataset.title) document.title = top.dataset.title;
  }

  // The drawer: beside the conversation unless folded; on a narrow page over it when opened.
  const isOpen = () => {
    const classes = find("#drawer")?.classList;
    return narrow.matches ? classes?.contains("r-over") : !classes?.contains("r-folded");
  };
  function drawer(open) {
    const over = open && narrow.matches;
    find("#drawer").classList.toggle("r-over", over);
    find("#drawer").classList.toggle("r-folded", !open && !narrow.matches);
    find("#menu button").setAttribute("aria-expanded", String(open));
    find(".r-chat").inert = over;
    if (over) find("#drawer-close").focus();
    else if (narrow.matches) find("#menu button").focus();
  }
  narrow.addEventListener("change", () => find("#drawer") && drawer(!narrow.matches));

  // Gradio copies what it was given, with our character references: people want what they see.
  let seen = null;
  const write = navigator.clipboard?.writeText.bind(navigator.clipboard);
  if (write) navigator.clipboard.writeText = (text) => write(seen ?? text);

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest?.(selector);
    if (on("#menu button")) drawer(!isOpen());
    if (on("#drawer-close")) drawer(false);
    if (on("#drawer .r-open, #new-chat, #drawer-consent button") && narrow.matches) drawer(false);
    const said = on("#chat .message-buttons")?.previousElementSibling;
    seen = said?.querySelector("[data-testid]")?.innerText.trim() ?? null;
    // The box to edit a question in starts with what Gradio was given, too.
    if (said) setTimeout(() => document.querySelectorAll("#chat .edit-textarea").forEach(decode));
  }, true);

  function decode(box) {
    if (box.dataset.decoded) return;
    const plain = document.createElement("textarea");
    plain.innerHTML = box.value;
    box.dataset.decoded = "yes";
    box.setAttribute("aria-label", root.lang === "ko" ? "질문 고치기" : "Edit the question");
    box.value = plain.value;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }

  // Gradio's own parts that shut people out: a list without items, and a button without a name in
  // another button, which does what the outer one does.
  new MutationObserver(() => {
    named();
    for (const list of document.querySelectorAll("#chat .examples[role=list]"))
      list.setAttribute("role", "group");
    for (const inner of document.querySelectorAll("#chat .title[role=button] button:enabled")) {
      inner.disabled = true;
      inner.setAttribute("aria-hidden", "true");
      inner.style.pointerEvents = "none";
    }
  }).observe(root, { childList: true, subtree: true });

  // Ranking by key: a digit is the place of the answer with the focus, or else of the first without
  // one; a letter goes to its answer. By the key's place, so that it works while Korean is typed.
  function ranked(event) {
    const groups = [...document.querySelectorAll(".r-place")].filter(
      (group) => group.offsetParent && group.querySelector("input:enabled"),
    );
    const open = () => groups.find((group) => !group.querySelector("input:checked"));
    const goTo = (group) => (
      group?.querySelector("input:checked") ?? group?.querySelector("input") ?? find("#rank-save")
    ).focus();
    const letter = /^Key([A-D])$/.exec(event.code)?.[1];
    const asked = groups.find((group) => group.id === `place-${letter}`);
    if (asked) goTo(asked);
    const here = groups.find((group) => group.contains(document.activeElement)) ?? open();
    const place = here?.querySelectorAll("input")[/^[1-4]$/.test(event.key) ? event.key - 1 : -1];
    place?.click();
    if (place) goTo(open());
    return Boolean(asked || place);
  }

  // Choosing between two answers by key, while nobody is typing.
  const keys = {
    ArrowLeft: "left", ArrowRight: "right",
    1: "left", 2: "right", 3: "tie", 4: "both_bad",
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && narrow.matches && isOpen()) drawer(false);
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const typing = event.target.closest?.(
      "textarea:not([disabled]), input:not([type=radio]), [contenteditable]",
    );
    if (typing) return;
    if (ranked(event)) event.preventDefault();
    const choice = keys[event.key];
    if (!choice) return;
    const button = find(`#choose-${choice}:not([disabled])`);
    if (!button || !button.offsetParent) return;
    event.preventDefault();
    button.click();
  });

  // The address carries the conversation: going back shows the one before.
  window.ratchetAddress = (id) => {
    const there = new URL(location.href);
    if ((there.searchParams.get("c") ?? "") === id) return;
    if (id) there.searchParams.set("c", id);
    else there.searchParams.delete("c");
    history.pushState(null, "", there);
  };
  addEventListener("popstate", () => location.reload());
})();
