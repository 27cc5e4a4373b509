import { PubHeaders, type JsMsg } from '@nats-io/jetstream';

/** What a handler may know about its message, or about the messages of its batch (in stream order). */
export class JetStreamContext {
  constructor(
    readonly messages: readonly JsMsg[],
    /** Aborted when the drain time is over: give up and throw, the message is delivered again elsewhere. */
    readonly signal: AbortSignal,
  ) {}

  private get last(): JsMsg {
    return this.messages[this.messages.length - 1]!;
  }

  get subject(): string {
    return this.last.subject;
  }

  /** Position in the stream, of the last message in a batch. */
  get sequence(): number {
    return this.last.seq;
  }

  get sequences(): number[] {
    return this.messages.map((message) => message.seq);
  }

  /** 1 for the first delivery. */
  get attempt(): number {
    return Math.max(...this.messages.map((message) => message.info.deliveryCount));
  }

  /** The same at every redelivery: key for idempotent effects. */
  get messageId(): string {
    return this.last.headers?.get(PubHeaders.MsgIdHdr) || `${this.last.info.stream}:${this.last.seq}`;
  }
}
