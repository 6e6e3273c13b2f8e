// Draws /openapi.json as a list of calls. Every text goes in as text, never as markup.
"use strict";

const make = (name, text, ...children) => {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
};

const name = (ref) => ref.split("/").pop();

// A schema as an example a person can read: types in place of values.
const shape = (root, schema, depth = 0) => {
  if (!schema) return null;
  if (schema.$ref) {
    const target = root.components.schemas[name(schema.$ref)];
    return depth > 5 ? name(schema.$ref) : shape(root, target, depth + 1);
  }
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => shape(root, part, depth + 1)));
  const choice = schema.oneOf || schema.anyOf;
  if (choice) {
    const real = choice.filter((part) => part.type !== "null");
    const drawn = shape(root, real[0], depth + 1);
    return typeof drawn === "string" && real.length < choice.length ? drawn + " | null" : drawn;
  }
  const types = [].concat(schema.type || "any");
  if (types.includes("array")) return [shape(root, schema.items, depth + 1)];
  if (types.includes("object") || schema.properties) {
    const drawn = {};
    for (const [key, value] of Object.entries(schema.properties || {})) drawn[key] = shape(root, value, depth + 1);
    return drawn;
  }
  return types.join(" | ") + (schema.format ? ` (${schema.format})` : "");
};

const drawn = (root, content) =>
  Object.entries(content || {}).flatMap(([kind, { schema }]) => [
    make("p", kind),
    make("pre", JSON.stringify(shape(root, schema), null, 2)),
  ]);

const call = (root, path, method, operation) => {
  const title = make("summary", "", make("span", method.toUpperCase()), make("code", path), " ", make("span", operation.summary || ""));
  title.firstChild.className = "method";
  title.lastChild.className = "muted";
  const box = make("details", "", title);
  box.id = operation.operationId;
  box.dataset.text = `${method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase();
  // Drawn when it is opened: there are many.
  box.addEventListener("toggle", () => fill(root, box, operation), { once: true });
  return box;
};

const fill = (root, box, operation) => {
  if (operation.description) box.append(make("p", operation.description));
  if (operation.parameters && operation.parameters.length) {
    const rows = operation.parameters.map((one) =>
      make("tr", "", make("td", "", make("code", one.name)), make("td", one.in + (one.required ? ", required" : "")),
        make("td", String(shape(root, one.schema))), make("td", one.description || "")));
    box.append(make("h3", "Parameters"), make("table", "", make("tbody", "", ...rows)));
  }
  if (operation.requestBody) box.append(make("h3", "Body"), ...drawn(root, operation.requestBody.content));
  for (const [status, response] of Object.entries(operation.responses || {})) {
    const text = response.description ? `${status} – ${response.description}` : status;
    box.append(make("h3", text));
    if (status < 400) box.append(...drawn(root, response.content));
  }
};

const draw = (root) => {
  document.getElementById("version").textContent = root.info.version;
  document.getElementById("about").textContent = root.info.description;
  const groups = new Map();
  for (const [path, item] of Object.entries(root.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const tag = (operation.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(call(root, path, method, operation));
    }
  }
  const [main, contents] = [document.getElementById("calls"), document.getElementById("contents")];
  for (const [tag, boxes] of groups) {
    const heading = make("h2", tag);
    heading.id = "group-" + tag;
    const link = make("a", tag);
    link.href = "#" + heading.id;
    contents.append(link);
    main.append(make("section", "", heading, ...boxes));
  }
  const open = document.getElementById(location.hash.slice(1));
  if (open) { open.open = true; open.scrollIntoView(); }
};

document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const section of document.querySelectorAll("main section")) {
    let any = false;
    for (const box of section.querySelectorAll("details")) {
      box.hidden = !words.every((word) => box.dataset.text.includes(word));
      any = any || !box.hidden;
    }
    section.hidden = !any;
  }
});

fetch("/openapi.json").then((answer) => answer.json()).then(draw);
