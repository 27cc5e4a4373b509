import {
  BadRequestException,
  Body,
  Controller,
  HttpCode,
  Inject,
  Post,
  ServiceUnavailableException,
} from '@nestjs/common';
import { intakeLabels, intakeSamples, type Intake } from '#contracts';
import { JetStreamPublisher } from '#service-kit';

const DEADLINE_MS = 10_000;

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
    await this.publisher.publish(subject, { [plural]: valid }, { deadlineMs: DEADLINE_MS }).catch((error: unknown) => {
      throw new ServiceUnavailableException(`the bus did not take the ${plural}: post them again`, { cause: error });
    });
    return { accepted: valid.length, invalid };
  }
}
