// SPDX-License-Identifier: Apache-2.0
// A pool as the official client sees it: names, vectors that follow from their text alone, a question to whoever is best.
import assert from 'node:assert/strict';
import { client, hello, run, sent } from './check.mjs';

await run({
  async models_are_listed() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    for (const id of ['auto', 'auto:fast', 'bge-m3', 'm']) assert.ok(ids.includes(id), ids.join());
    assert.equal(new Set(ids).size, ids.length);
  },
  async every_listed_model_is_retrieved() {
    for await (const model of client.models.list()) {
      const one = await client.models.retrieve(model.id);
      assert.deepEqual(one, model);
    }
    await assert.rejects(client.models.retrieve('no-such-model'), (error) => error.status === 404);
  },
  async floats_and_base64_are_the_same() {
    const input = ['one', 'two', 'one'];
    const floats = await client.embeddings.create({ model: 'bge-m3', input, encoding_format: 'float' });
    const coded = await client.embeddings.create({ model: 'bge-m3', input, encoding_format: 'base64' });
    const plain = await client.embeddings.create({ model: 'bge-m3', input });
    floats.data.forEach((item, i) => {
      const bytes = Buffer.from(coded.data[i].embedding, 'base64');
      assert.equal(item.embedding.length, 64);
      assert.deepEqual(item.embedding.map((_, k) => bytes.readFloatLE(4 * k)), item.embedding.map(Math.fround));
      assert.deepEqual([...plain.data[i].embedding], item.embedding.map(Math.fround));
    });
    assert.deepEqual(floats.data[0].embedding, floats.data[2].embedding);
    assert.notDeepEqual(floats.data[0].embedding, floats.data[1].embedding);
  },
  async auto_answers() {
    const { data, response } = await client.chat.completions.create({ model: 'auto', messages: hello }).withResponse();
    assert.equal(data.model, 'm');
    assert.ok(data.choices[0].message.content.length > 0);
    assert.equal(response.headers.get('x-papi-provider'), 'two'); // the first one is full for the day
  },
  async auto_streams() {
    let text = '';
    for await (const part of await client.chat.completions.create({ model: 'auto', messages: hello, stream: true })) {
      assert.equal(part.model, 'm');
      text += part.choices[0]?.delta?.content ?? '';
    }
    assert.ok(text.length > 0);
  },
  async a_long_wait_is_one_request() {
    await assert.rejects(client.chat.completions.create({ model: 'one/m', messages: hello }), (error) => error.status === 429);
    assert.equal(sent.length, 1);
  },
});
