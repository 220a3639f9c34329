(() => {
  const all = (s) => [...document.querySelectorAll(s)];
  document.documentElement.classList.add("js");
  const buttons = all("button[data-show]");
  for (const button of buttons)
    button.onclick = () => {
      const show = button.dataset.show;
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === button));
      for (const row of all("tr[data-verdict]"))
        row.hidden = show !== "" && row.dataset.verdict !== show;
    };
  for (const button of all("button[data-copy]"))
    button.onclick = async () => {
      const code = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
    };
})();
