// SPDX-License-Identifier: Apache-2.0
// Answers: whole, streamed, by the helpers; tools; models.
import assert from 'node:assert/strict';
import { client, hello, run, sent, text, weather } from './check.mjs';

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

await run({
  async chat() {
    const answer = await client.chat.completions.create({ model: 'm-good', messages: hello });
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.model, 'm-good');
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].message.role, 'assistant');
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.completion_tokens, 9);
    assert.ok(answer._request_id);
  },

  async with_response() {
    const { data, response, request_id } = await client.chat.completions
      .create({ model: 'm-good', messages: hello })
      .withResponse();
    assert.equal(data.choices[0].message.content, text);
    assert.equal(response.headers.get('x-papi-provider'), 'good');
    assert.equal(request_id, response.headers.get('x-request-id'));
  },

  async stream() {
    const chunks = await collect(
      await client.chat.completions.create({
        model: 'm-good', messages: hello, stream: true, stream_options: { include_usage: true },
      }),
    );
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.completion_tokens, 9);
    assert.equal(chunks.map((c) => c.choices[0].delta.content ?? '').join(''), text);
    assert.equal(chunks.filter((c) => c.choices[0].delta.role).length, 1);
    assert.deepEqual(chunks.map((c) => c.choices[0].finish_reason).filter(Boolean), ['stop']);
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
  },

  async stream_left_early() {
    const stream = await client.chat.completions.create({ model: 'm-drip', messages: hello, stream: true });
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      break;
    }
    assert.ok(stream.controller.signal.aborted);
  },

  async stream_helper() {
    const said = [];
    const stream = client.chat.completions.stream({ model: 'm-good', messages: hello });
    stream.on('content', (delta) => said.push(delta));
    const answer = await stream.finalChatCompletion();
    assert.equal(said.join(''), text);
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(await stream.finalContent(), text);
  },

  async reasoning() {
    const answer = await client.chat.completions.create({ model: 'm-thinking', messages: hello });
    assert.equal(answer.choices[0].message.reasoning_content, 'Let me think.');
    const chunks = await collect(
      await client.chat.completions.create({ model: 'm-thinking', messages: hello, stream: true }),
    );
    const deltas = chunks.map((c) => c.choices[0].delta);
    assert.ok(deltas.some((d) => d.reasoning_content));
    assert.ok(!deltas.some((d) => d.reasoning_content && d.content));
  },

  async tools_by_hand() {
    const answer = await client.chat.completions.create({
      model: 'm-tools', messages: hello, tools: [weather],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const [choice] = answer.choices;
    assert.equal(choice.finish_reason, 'tool_calls');
    const [call] = choice.message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { place: 'café' });
    const end = await client.chat.completions.create({
      model: 'm-tools', tools: [weather],
      messages: [...hello, choice.message, { role: 'tool', tool_call_id: call.id, content: '21 °C' }],
    });
    assert.equal(end.choices[0].message.content, 'It is warm.');
  },

  async tools_streamed() {
    const stream = client.chat.completions.stream({
      model: 'm-tools', messages: hello, tools: [weather], tool_choice: 'required',
    });
    const answer = await stream.finalChatCompletion();
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    assert.equal(call.type, 'function');
    assert.equal(call.function.name, 'get_weather');
    assert.deepEqual(JSON.parse(call.function.arguments), { place: 'café' });
  },

  async run_tools() {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: 'm-tools', messages: [{ role: 'user', content: 'What is the weather in the café?' }],
      tools: [{
        type: 'function',
        function: {
          ...weather.function,
          parse: JSON.parse,
          function: (input) => { asked.push(input); return '21 °C'; },
        },
      }],
    });
    assert.equal(await runner.finalContent(), 'It is warm.');
    assert.deepEqual(asked, [{ place: 'café' }]);
    assert.equal(sent.length, 2);
  },

  async run_tools_streamed() {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: 'm-tools', stream: true, messages: [{ role: 'user', content: 'What is the weather in the café?' }],
      tools: [{
        type: 'function',
        function: {
          ...weather.function,
          parse: JSON.parse,
          function: (input) => { asked.push(input); return '21 °C'; },
        },
      }],
    });
    assert.equal(await runner.finalContent(), 'It is warm.');
    assert.deepEqual(asked, [{ place: 'café' }]);
  },

  async json_schema() {
    const done = await client.chat.completions.parse({
      model: 'm-good', messages: hello,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'answer', strict: true,
          schema: { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] },
        },
      },
    });
    assert.deepEqual(JSON.parse(done.choices[0].message.content), { answer: text });
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.equal(ids[0], 'auto');
    for (const id of ['auto:fast', 'auto:smart', 'claude-papi-auto', 'm-good']) assert.ok(ids.includes(id), id);
    assert.equal(new Set(ids).size, ids.length);
    const model = await client.models.retrieve('m-good');
    assert.equal(model.object, 'model');
    assert.equal(model.owned_by, 'good');
    const slash = await client.models.retrieve('good/m-good');
    assert.equal(slash.id, 'good/m-good');
    assert.equal((await client.models.retrieve('auto:smart')).owned_by, 'papi');
  },

  async thirty_at_once() {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        client.chat.completions.create({ model: 'm-good', messages: hello, stream: i % 2 === 0 })),
    );
    for (const answer of answers) {
      if (answer.choices) {
        assert.equal(answer.choices[0].message.content, text);
        continue;
      }
      const chunks = await collect(answer);
      assert.equal(chunks.map((c) => c.choices[0].delta.content ?? '').join(''), text);
    }
  },
});
