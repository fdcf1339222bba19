// SPDX-License-Identifier: ISC
// usage: sdk.mjs MODULES API-URL
// Slack's own client on strings: a line of JSON in, {do, …}, gives a line of JSON
// out, {good} or {bad}.
//   client  token, options      what the later ones use
//   call    method, args        method as "users.list"; the client's own function
//   pages   method, args        all pages of its paginate()
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, url] = process.argv.slice(2);
const { WebClient } = createRequire(modules + '/sdk.mjs')('@slack/web-api');
const silent = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {},
	setName() {}, getLevel: () => 'error' };
let client;

const steps = {
	client({ token, options }) {
		client = new WebClient(token, { slackApiUrl: url, logger: silent, ...options });
		return {};
	},
	call({ method, args }) {
		const [fn, self] = method.split('.').reduce(([o], word) => [o[word], o], [client]);
		return fn.call(self, args);
	},
	async pages({ method, args }) {
		const pages = [];
		for await (const page of client.paginate(method, args))
			pages.push(page);
		return pages;
	},
};
for await (const line of createInterface({ input: process.stdin })) {
	const step = JSON.parse(line);
	let out;
	try {
		out = { good: await steps[step.do](step) };
	} catch (e) {
		out = { bad: { code: e.code ?? null, data: e.data ?? null, status: e.statusCode ?? null,
			retryAfter: e.retryAfter ?? null, message: String(e.message ?? e) } };
	}
	console.log(JSON.stringify(out));
}
