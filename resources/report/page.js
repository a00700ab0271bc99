'use strict';
(() => {
  const FIRST_ROWS = 50, MORE_ROWS = 200;
  const root = document.documentElement;
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

  // Theme: that of the system, light, dark, and round again.
  const button = document.getElementById('theme');
  const THEMES = ['system', 'light', 'dark'];
  const name_theme = () => { button.textContent = `Theme: ${root.dataset.theme || 'system'}`; };
  button.hidden = false;
  name_theme();
  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme || 'system') + 1) % THEMES.length];
    if (next === 'system') delete root.dataset.theme; else root.dataset.theme = next;
    try {
      if (next === 'system') localStorage.removeItem('wavemill-theme');
      else localStorage.setItem('wavemill-theme', next);
    } catch { /* a browser that keeps nothing */ }
    name_theme();
  });

  // Waves inside waves: a leg opens and closes what is in it.
  const toggle = (leg) => {
    const child = leg.querySelector(':scope > .child');
    if (child) leg.setAttribute('aria-expanded', String(child.classList.toggle('shown')));
  };
  for (const leg of all('.wave-chart .leg')) {
    const title = leg.querySelector(':scope > title');
    leg.closest('svg').setAttribute('role', 'group');
    leg.setAttribute('tabindex', '0');
    leg.setAttribute('role', 'button');
    leg.setAttribute('aria-expanded', 'false');
    leg.setAttribute('aria-label', `Waves inside ${title ? title.textContent : 'this wave'}`);
    leg.addEventListener('click', (event) => { event.stopPropagation(); toggle(leg); });
    leg.addEventListener('keydown', (event) => {
      if (event.target !== leg || (event.key !== 'Enter' && event.key !== ' ')) return;
      event.preventDefault();
      toggle(leg);
    });
  }

  // Tables: sorted by a click on a heading, filtered by the form above, a few rows at first.
  const number = (words) => {
    const plain = String(words).replace(/,/g, '').replace(/\u2212/g, '-').replace(/^[<>+\s]+/, '');
    const scale = { M: 1e6, B: 1e9, T: 1e12 }[plain.slice(-1)] || 1;
    return parseFloat(plain) * scale;
  };
  const TESTS = {
    has: (words, wanted) => words.toLowerCase().includes(wanted.trim().toLowerCase()),
    is: (words, wanted) => words === wanted,
    least: (words, wanted) => number(words) >= Number(wanted),
    most: (words, wanted) => number(words) <= Number(wanted),
  };
  for (const table of all('table.sortable')) {
    const body = table.tBodies[0];
    let rows = Array.from(body.rows, (row) => ({
      row, cells: Array.from(row.cells, (cell) => cell.dataset.v ?? cell.textContent), fits: true,
    }));
    let most = FIRST_ROWS;
    const form = document.querySelector(`form[data-table="${table.id}"]`);
    const output = form.querySelector('output');
    const noun = output.textContent.replace(/^[\d,]+ /, '');
    const more = document.createElement('button');
    more.type = 'button';
    more.className = 'more';
    table.parentElement.after(more);

    const show = () => {
      let fitting = 0;
      for (const each of rows) each.row.hidden = !(each.fits && ++fitting <= most);
      output.textContent = fitting === rows.length ? `${fitting.toLocaleString('en')} ${noun}`
        : `${fitting.toLocaleString('en')} of ${rows.length.toLocaleString('en')} ${noun}`;
      more.hidden = fitting <= most;
      more.textContent = `Show ${Math.min(MORE_ROWS, fitting - most)} more of ${fitting.toLocaleString('en')}`;
    };
    const filter = () => {
      const wanted = all('[data-test]', form).filter((box) => box.value !== '').map((box) => {
        const first = Number(box.dataset.column), until = Number(box.dataset.until || first + 1);
        return (cells) => cells.slice(first, until).some((words) => TESTS[box.dataset.test](words, box.value));
      });
      for (const each of rows) each.fits = wanted.every((test) => test(each.cells));
      most = FIRST_ROWS;
      show();
    };
    const sort = (column, falling) => {
      const numeric = table.tHead.rows[0].cells[column].classList.contains('number');
      const keyed = rows.map((each) => ({ each, key: numeric ? number(each.cells[column]) : each.cells[column] }));
      const sign = falling ? -1 : 1;
      keyed.sort((a, b) => {
        // What isn't known comes last either way.
        if (numeric && (isNaN(a.key) || isNaN(b.key))) return isNaN(a.key) - isNaN(b.key);
        return sign * (numeric ? a.key - b.key : a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
      });
      rows = keyed.map(({ each }) => each);
      body.append(...rows.map((each) => each.row));
      show();
    };
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      const by = document.createElement('button');
      by.type = 'button';
      by.append(...head.childNodes);
      head.append(by);
      by.addEventListener('click', () => {
        const now = head.getAttribute('aria-sort');
        const falling = now ? now === 'ascending' : 'falling' in head.dataset;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
        sort(column, falling);
      });
    });
    more.addEventListener('click', () => { most += MORE_ROWS; show(); });
    form.hidden = false;
    form.addEventListener('input', filter);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('reset', () => setTimeout(filter));
    show();
  }

  // Paper has no clicks: everything is open on it.
  let closed = [];
  window.addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    for (const each of closed) each.open = true;
  });
  window.addEventListener('afterprint', () => { for (const each of closed) each.open = false; });
})();
