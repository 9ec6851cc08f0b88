// SPDX-License-Identifier: Apache-2.0
// Every class of error, and how often the SDK asks.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { base, client, hello, run, sent } from './check.mjs';

async function failing(kind, model, more = {}) {
  let caught;
  try {
    const answer = await client.chat.completions.create({ model, messages: hello, ...more });
    if (more.stream) for await (const chunk of answer) assert.ok(chunk.id);
  } catch (error) {
    caught = error;
  }
  assert.ok(caught, 'no error was thrown');
  assert.equal(caught.constructor, kind, String(caught));
  assert.equal(sent.length, 1, 'the SDK asked again by itself');
  return caught;
}

function checkStatus(error, status, type, code) {
  assert.equal(error.status, status);
  assert.equal(error.type, type);
  assert.equal(error.code, code);
  assert.ok(error.requestID);
  assert.deepEqual(Object.keys(error.error).sort(), ['code', 'message', 'param', 'type']);
}

await run({
  async bad_request() {
    const error = await failing(OpenAI.BadRequestError, 'm-good', { temperature: 'hot' });
    assert.equal(error.param, 'temperature');
  },
  async bad_request_streamed() {
    await failing(OpenAI.BadRequestError, 'm-good', { temperature: 'hot', stream: true });
  },
  async context() {
    const error = await failing(OpenAI.BadRequestError, 'm-short');
    checkStatus(error, 400, 'invalid_request_error', 'context_length_exceeded');
  },
  async not_found() {
    const error = await failing(OpenAI.NotFoundError, 'm-thinkin');
    checkStatus(error, 404, 'invalid_request_error', 'model_not_found');
    assert.match(error.message, /m-thinking/);
  },
  async rate_limit() {
    const error = await failing(OpenAI.RateLimitError, 'm-tomorrow');
    checkStatus(error, 429, 'insufficient_quota', 'insufficient_quota');
    assert.equal(error.headers.get('x-should-retry'), 'false');
    assert.equal(error.headers.get('retry-after'), null);
  },
  async server_error() {
    const error = await failing(OpenAI.InternalServerError, 'm-failing');
    checkStatus(error, 502, 'server_error', 'upstream_error');
  },
  async server_error_streamed() {
    await failing(OpenAI.InternalServerError, 'm-failing-too', { stream: true });
  },
  async torn_stream() {
    const error = await failing(OpenAI.APIError, 'm-torn', { stream: true });
    assert.equal(error.type, 'server_error');
  },
  async torn_stream_helper() {
    const stream = client.chat.completions.stream({ model: 'm-torn', messages: hello });
    await assert.rejects(stream.finalChatCompletion(), OpenAI.OpenAIError);
  },
  async timeout() {
    const impatient = new OpenAI({ baseURL: base, apiKey: 'x', timeout: 300, maxRetries: 0 });
    await assert.rejects(
      impatient.chat.completions.create({ model: 'm-silent', messages: hello }),
      OpenAI.APIConnectionTimeoutError,
    );
  },
  async aborted_by_the_caller() {
    const controller = new AbortController();
    const asked = client.chat.completions.create({ model: 'm-silent', messages: hello }, { signal: controller.signal });
    controller.abort();
    await assert.rejects(asked, OpenAI.APIUserAbortError);
  },
  async refused_connection() {
    const nobody = new OpenAI({ baseURL: process.env.DEAD_URL, apiKey: 'x', maxRetries: 0 });
    await assert.rejects(nobody.models.list(), OpenAI.APIConnectionError);
  },
});
