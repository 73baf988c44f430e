"use strict";
/* Tables: a click on a heading sorts, a field above filters, long ones show their first rows until asked for all. */
(function () {
  var FIRST = 15;

  function number(text) {
    var match = text.replace(/\u2212/g, "-").replace(/,/g, "").match(/[-+]?\d*\.?\d+(e[-+]?\d+)?/i);
    return match ? parseFloat(match[0]) : NaN;
  }

  function compare(column, numeric, down) {
    return function (a, b) {
      var x = a.cells[column].textContent, y = b.cells[column].textContent, order;
      if (numeric) {
        x = number(x);
        y = number(y);
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y); /* empty cells last, either way */
        order = x - y;
      } else {
        order = x.localeCompare(y, undefined, { numeric: true });
      }
      return (down ? -order : order) || a.place - b.place;
    };
  }

  function prepare(table) {
    var body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows), heads = table.tHead.rows[0].cells;
    var words = "", all = rows.length <= FIRST + 5, tools = document.createElement("p"), said = document.createElement("span");
    var more = document.createElement("button"), field = document.createElement("input");
    rows.forEach(function (row, i) {
      row.place = i;
      row.words = Array.prototype.map.call(row.cells, function (c) { return c.textContent; }).join(" ").toLowerCase();
    });

    function show() {
      var found = 0, shown = 0;
      rows.forEach(function (row) {
        var fits = words.split(/\s+/).every(function (word) { return row.words.indexOf(word) >= 0; });
        found += fits;
        row.hidden = !fits || (!all && found > FIRST);
        shown += !row.hidden;
      });
      said.textContent = shown + " of " + rows.length + " rows";
      more.hidden = rows.length <= FIRST + 5 || (!all && shown === found);
      more.textContent = all ? "show fewer" : "show all " + found;
    }

    function sort(column) {
      var head = heads[column], down = head.getAttribute("aria-sort") === "ascending";
      Array.prototype.forEach.call(heads, function (h) { h.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort(compare(column, head.className === "n", down));
      rows.forEach(function (row) { body.appendChild(row); });
      show();
    }

    Array.prototype.forEach.call(heads, function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.title = "sort by this column";
      button.addEventListener("click", function () { sort(column); });
      head.textContent = "";
      head.appendChild(button);
    });
    if (rows.length > 5) {
      field.type = "search";
      field.placeholder = "filter rows";
      field.setAttribute("aria-label", "filter the rows of this table");
      field.addEventListener("input", function () {
        words = field.value.trim().toLowerCase();
        show();
      });
      more.type = "button";
      more.addEventListener("click", function () {
        all = !all;
        show();
      });
      tools.className = "tools";
      said.setAttribute("role", "status");
      tools.appendChild(field);
      tools.appendChild(said);
      tools.appendChild(more);
      table.parentNode.parentNode.insertBefore(tools, table.parentNode);
      show();
    }
  }

  Array.prototype.forEach.call(document.querySelectorAll("div.table > table"), prepare);
})();
