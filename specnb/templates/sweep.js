// One result at a time, chosen from a list; without scripts all are shown.
const sections = [...document.querySelectorAll("section.result")];
if (sections.length > 1) {
  const line = document.createElement("p"), list = document.createElement("select");
  const show = () => sections.forEach((section, i) => { section.hidden = i != list.value; });
  sections.forEach((section, i) => list.add(new Option(section.dataset.name, i)));
  line.className = "choose";
  line.append("Result ", list);
  sections[0].before(line);
  list.setAttribute("aria-label", "Result");
  list.onchange = show;
  show();
}

// A click on a title sorts by its column: numbers by value, then texts, empty cells last.
document.querySelectorAll("table.sort th").forEach((title, column) => {
  const sort = () => {
    const down = title.getAttribute("aria-sort") == "ascending", body = title.closest("table").tBodies[0];
    const rows = [...body.rows].map(row => {
      const text = row.cells[column].textContent, number = parseFloat(text);
      return { row, text, number, empty: isNaN(number) && (text == "—" || text == "") };
    });
    const order = (a, b) => a.number - b.number || isNaN(a.number) - isNaN(b.number)
      || (isNaN(a.number) ? a.text.localeCompare(b.text) : 0);
    rows.sort((a, b) => a.empty - b.empty || (down ? -1 : 1) * order(a, b));
    title.parentNode.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    title.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map(r => r.row));
  };
  title.tabIndex = 0;
  title.onclick = sort;
  title.onkeydown = event => { if (event.key == "Enter") sort(); };
});
