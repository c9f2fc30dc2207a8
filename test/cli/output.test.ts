/** Standard output in large pieces, for readers of every speed. */
import { expect } from 'chai';
import { Output } from '../../src/cli/output.ts';
import { turns } from '../support/turns.ts';

/** A pipe that takes one piece, and then nothing until it is drained. */
class Pipe {
  readonly written: string[] = [];
  #drained: () => void = () => {};

  on(): void {}

  once(_event: 'drain', listener: () => void): void {
    this.#drained = listener;
  }

  write(text: string): boolean {
    this.written.push(text);
    return false;
  }

  drain(): void {
    this.#drained();
  }
}

describe('the output of a command', () => {
  it('hands a slow reader no more than it has asked for, however small the pieces are', async () => {
    const pipe = new Pipe();
    const output = new Output(pipe);
    for (let line = 0; line < 5; line++) {
      output.add(`${line}`);
      output.flushSoon();
      await turns(2);
    }
    expect(pipe.written).to.deep.equal(['0']);
    output.add('x'.repeat(100_000));
    expect(output.full).to.equal(true);
    let over = false;
    const flushed = output.flush().then(() => {
      over = true;
    });
    await turns(2);
    expect([pipe.written.length, over]).to.deep.equal([1, false]);
    pipe.drain();
    await turns(2);
    expect([pipe.written.length, pipe.written[1].length, over]).to.deep.equal([2, 100_004, false]);
    pipe.drain();
    await flushed;
  });

  it('writes no more, and waits for nothing, once the reader is given up', async () => {
    const pipe = new Pipe();
    const output = new Output(pipe);
    output.add('first');
    const flushed = output.flush();
    output.add('second');
    output.giveUp();
    await flushed;
    await output.flush();
    expect([output.givenUp, pipe.written]).to.deep.equal([true, ['first']]);
  });
});
