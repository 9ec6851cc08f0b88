// SPDX-License-Identifier: Apache-2.0
// Keys of clients as the official client sees them: who is refused with which class, and that Retry-After is obeyed.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { base, hello, run } from './check.mjs';

const keys = JSON.parse(process.env.KEYS);

function clientOf(key, more = {}) {
  const sent = [];
  const client = new OpenAI({
    baseURL: base,
    apiKey: key,
    timeout: 20_000,
    fetch: async (url, init) => {
      const row = { at: Date.now() };
      sent.push(row);
      const answer = await fetch(url, init);
      row.status = answer.status;
      row.retryAfter = answer.headers.get('retry-after');
      row.retryAfterMs = answer.headers.get('retry-after-ms');
      return answer;
    },
    ...more,
  });
  return { sent, ask: (model = 'gpt-a') => client.chat.completions.create({ model, messages: hello }) };
}

await run({
  async a_wrong_key_is_an_authentication_error() {
    const { sent, ask } = clientOf('sk-papi-wrong');
    await assert.rejects(ask(), (error) => error.constructor === OpenAI.AuthenticationError && error.status === 401
      && error.code === 'invalid_api_key' && Boolean(error.requestID));
    assert.equal(sent.length, 1);
  },
  async a_model_that_is_not_allowed_is_a_permission_error() {
    const { sent, ask } = clientOf(keys.narrow);
    await assert.rejects(ask('llama-c'), (error) => error.constructor === OpenAI.PermissionDeniedError && error.status === 403);
    assert.equal(sent.length, 1);
    assert.ok((await ask()).choices[0].message.content);
  },
  async a_day_that_is_used_up_is_told_at_once() {
    const { sent, ask } = clientOf(keys.daily);
    assert.ok((await ask()).choices);
    await assert.rejects(ask(), (error) => error.constructor === OpenAI.RateLimitError && error.status === 429
      && error.code === 'rate_limit_exceeded' && /1 requests a day/.test(error.message));
    assert.ok(sent.length === 2 || sent[1].retryAfter !== null, 'asked again though it takes hours');
  },
  async retry_after_is_obeyed() {
    const { sent, ask } = clientOf(keys.single, { maxRetries: 5 });
    const answers = await Promise.all([ask(), ask()]);
    assert.ok(answers.every((answer) => answer.choices[0].message.content));
    const refused = sent.findIndex((row) => row.status === 429);
    assert.ok(refused >= 0, 'nobody was refused');
    assert.ok(Number(sent[refused].retryAfter) >= 1);
    const next = sent[2]; // the first two went out together
    assert.ok(next.at - sent[refused].at >= 900, `asked again after ${next.at - sent[refused].at} ms`);
  },
});
