// SPDX-License-Identifier: Apache-2.0
// What the scripts here share: a client that counts its requests, and one line of JSON for each result.
import OpenAI from 'openai';

export const base = process.env.PAPI_URL;
export const text = process.env.GOOD_TEXT;
export const hello = [{ role: 'user', content: 'Hello!' }];
export const sent = [];

export const client = new OpenAI({
  baseURL: base,
  apiKey: 'any-key',
  timeout: 20_000,
  fetch: (url, init) => {
    sent.push(String(url));
    return fetch(url, init);
  },
});

export const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  },
};

// Runs each named check; says how each ended. Python reads the lines and turns each into a test.
export async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    sent.length = 0;
    try {
      await check();
      console.log(JSON.stringify({ name, ok: true }));
    } catch (error) {
      console.log(JSON.stringify({ name, ok: false, why: String(error?.stack ?? error) }));
    }
  }
}
