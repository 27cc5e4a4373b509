import { createHash, timingSafeEqual } from 'node:crypto';
import { SetMetadata, UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';

const PUBLIC = Symbol('public');

/** Leaves a controller or a route open when a token is configured. */
export const Public = (): ClassDecorator & MethodDecorator => SetMetadata(PUBLIC, true);

// Hashes have one length, so the comparison tells neither the token's length nor how much of it is right.
const digest = (text: string) => createHash('sha256').update(text).digest();

/** Asks every HTTP request for `Authorization: Bearer <token>`. */
export class BearerGuard implements CanActivate {
  private readonly expected: Buffer;

  constructor(
    token: string,
    private readonly reflector: Reflector,
  ) {
    this.expected = digest(token);
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const { headers } = context.switchToHttp().getRequest<{ headers: { authorization?: string } }>();
    const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (token && timingSafeEqual(digest(token), this.expected)) return true;
    throw new UnauthorizedException('Send the token of this service as "Authorization: Bearer <token>"');
  }
}
