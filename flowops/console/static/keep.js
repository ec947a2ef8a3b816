// Keeps what is typed in a case until it was saved or sent, so that another button on its page loses nothing.
// A text belongs to its field, whose id ends in the case's, and to who wrote it, in this tab alone: it comes back
// there and nowhere else.

const pane = document.querySelector("[data-case]");
const fields = [...(pane?.querySelectorAll("form :is(textarea, input[type=text])") ?? [])].filter((field) =>
  field.id.endsWith(`-${pane.dataset.case}`),
);
const place = (field) => `typed ${pane.dataset.viewer} ${field.id}`;
const versionOf = (field) => field.form.elements.namedItem("version");
// What a field shows at first is saved already, but for what was refused or taken over from the assistant.
const isSaved = (field) => field.value === field.defaultValue && (!field.value || "saved" in field.dataset);

function keep(field, key) {
  const kept = { text: field.value, version: versionOf(field)?.value, key };
  if (!field.value.trim() || isSaved(field)) sessionStorage.removeItem(place(field));
  else sessionStorage.setItem(place(field), JSON.stringify(kept));
}

function putBack(field, { text, version }) {
  field.value = text;
  // Of the draft it was written from: what was saved since is not overwritten unseen.
  if (version) versionOf(field).value = version;
  const drop = Object.assign(document.createElement("button"), { type: "button", className: "btn outline" });
  drop.textContent = field.dataset.instead ?? "Drop it";
  const said = Object.assign(document.createElement("p"), { id: `${field.id}-back`, className: "put-back" });
  said.append("Put back as you left it. It was not saved or sent.", drop);
  drop.addEventListener("click", () => {
    field.value = field.defaultValue;
    keep(field);
    said.remove();
    field.focus();
  });
  field.after(said);
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${said.id}`.trim());
}

// The server says which form was done last, by the key that only this form had.
const done = document.cookie.match(/(?:^|; )flowops-done=(\w+)/)?.[1];
for (const name of Object.keys(sessionStorage).filter((name) => name.startsWith("typed "))) {
  if (done && JSON.parse(sessionStorage.getItem(name)).key === done) sessionStorage.removeItem(name);
}
for (const field of fields) {
  const kept = JSON.parse(sessionStorage.getItem(place(field)));
  if (kept && kept.text !== field.value) putBack(field, kept);
  else keep(field, kept?.key);
}
addEventListener("input", ({ target }) => fields.includes(target) && keep(target));
addEventListener("submit", ({ target }) => {
  for (const field of fields.filter((each) => each.form === target)) keep(field, target.elements.namedItem("key").value);
});
