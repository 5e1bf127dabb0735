// The list of conversations: opening, renaming, deleting. `element`, `trigger` come from gr.HTML.
const li = (target) => target.closest("li[data-id]");
const open = (id) => trigger("select", { id });

function part(row, name) {
  for (const shown of row.querySelectorAll("[data-part]")) shown.hidden = shown.dataset.part !== name;
}
function back(row) {
  part(row, "title");
  row.querySelector(".r-open").focus();
}
element.addEventListener("click", (event) => {
  const button = event.target.closest("a, button");
  const row = button && li(button);
  if (!row) return;
  const act = button.dataset.act;
  if (act === "open") {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(row.dataset.id);
  } else if (act === "rename") {
    part(row, "rename");
    row.querySelector("input").select();
  } else if (act === "ask") {
    part(row, "delete");
    row.querySelector("[data-act=keep]").focus();
  } else if (act === "keep") back(row);
  else if (act === "delete") trigger("delete", { id: row.dataset.id });
});
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const row = li(event.target);
  trigger("edit", { id: row.dataset.id, title: row.querySelector("input").value });
});
element.addEventListener("keydown", (event) => {
  const row = li(event.target);
  if (event.key !== "Escape" || !row || !row.querySelector("[data-part=title]").hidden) return;
  event.stopPropagation();
  back(row);
});
// Answers in the log that can be leafed through.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#chat button.r-leaf");
  if (button) trigger("input", { id: button.value });
});
