import { BadRequestException, Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { intakeLabels, intakeSamples, type Intake } from '#contracts';
import { JetStreamPublisher } from '#service-kit';

/** What was taken, and what was not and why. */
interface Receipt {
  accepted: number;
  invalid: Intake<unknown>['invalid'];
}

/** Labels and custom samples over HTTP, for those who speak no NATS: the same forms, passed on to the bus before the answer. */
@Controller('v1')
export class PostedController {
  constructor(@Inject(JetStreamPublisher) private readonly publisher: JetStreamPublisher) {}

  @Post('labels')
  @HttpCode(202)
  labels(@Body() body: unknown): Promise<Receipt> {
    return this.pass('label.observed', 'labels', intakeLabels(body));
  }

  @Post('samples')
  @HttpCode(202)
  samples(@Body() body: unknown): Promise<Receipt> {
    return this.pass('accuracy.sample', 'samples', intakeSamples(body));
  }

  private async pass(subject: string, plural: string, { valid, invalid }: Intake<unknown>): Promise<Receipt> {
    if (valid.length === 0) {
      const reasons = invalid.map(({ index, reason }) => (invalid.length > 1 ? `[${index}] ${reason}` : reason));
      throw new BadRequestException(reasons.slice(0, 20).join('; ') || `there are no ${plural} in it`);
    }
    await this.publisher.publish(subject, { [plural]: valid }, { deadlineMs: 10_000 });
    return { accepted: valid.length, invalid };
  }
}
