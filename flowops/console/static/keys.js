// Two keys lead to a place of the rail: G, then the letter its link names. Whoever wants none turns them off in their
// settings, for this browser: whoever speaks to it or strikes keys by chance must not be carried away.

const OFF = "keys-off";
const WITHIN = 1500; // ms between the two
let begun = -Infinity;

const isWriting = (target) => target.closest?.("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  const isChord = event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat;
  if (isChord || event.defaultPrevented || isWriting(event.target) || localStorage.getItem(OFF)) return;
  const key = event.key.toLowerCase();
  const follows = event.timeStamp - begun < WITHIN;
  begun = key === "g" && !follows ? event.timeStamp : -Infinity;
  if (follows) document.querySelector(`.rail [data-key="${CSS.escape(key)}"]`)?.click();
});

const choice = document.getElementById("keys-field");
if (choice) {
  choice.checked = !localStorage.getItem(OFF);
  choice.closest("section").hidden = false;
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });
}
