// SPDX-License-Identifier: ISC
// usage: tokens.mjs MODULES
// Texts on stdin, a JSON array of strings; on stdout how many tokens (o200k_base)
// each of them is.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const from = createRequire(process.argv[2] + "/");
const { countTokens } = from("gpt-tokenizer/encoding/o200k_base");
// what looks like a special token is text like any other
const plain = { allowedSpecial: new Set(), disallowedSpecial: new Set() };
const texts = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => countTokens(text, plain))));
