// SPDX-License-Identifier: Apache-2.0
// Vectors through the official client, which asks for base64 on its own.
import assert from 'node:assert/strict';
import { client, run, sent } from './check.mjs';

const expected = JSON.parse(process.env.VECTORS); // text -> the float32 numbers of its vector

function check(answer, texts) {
  assert.equal(answer.object, 'list');
  assert.equal(answer.model, 'bge-m3');
  assert.equal(answer.data.length, texts.length);
  answer.data.forEach((item, index) => {
    assert.equal(item.index, index);
    assert.equal(item.object, 'embedding');
    assert.deepEqual([...item.embedding], expected[texts[index]]);
  });
  assert.deepEqual(answer.usage, { prompt_tokens: texts.length, total_tokens: texts.length });
  assert.equal(sent.length, 1);
}

await run({
  async one_text() {
    check(await client.embeddings.create({ model: 'bge-m3', input: 'one' }), ['one']);
  },
  async many_texts() {
    check(await client.embeddings.create({ model: 'bge-m3', input: ['one', 'two', 'three'] }), ['one', 'two', 'three']);
  },
  async floats() {
    const answer = await client.embeddings.create({ model: 'bge-m3', input: ['two'], encoding_format: 'float' });
    assert.deepEqual(answer.data[0].embedding.map(Math.fround), expected.two);
  },
  async base64() {
    const answer = await client.embeddings.create({ model: 'bge-m3', input: ['two'], encoding_format: 'base64' });
    const bytes = Buffer.from(answer.data[0].embedding, 'base64');
    assert.equal(bytes.length, 4 * expected.two.length);
    assert.deepEqual(expected.two.map((_, i) => bytes.readFloatLE(4 * i)), expected.two);
  },
});
