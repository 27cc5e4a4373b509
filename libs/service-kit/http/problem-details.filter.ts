import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { InvalidInputError } from '#contracts';
import { currentContext } from '../context.js';

/** RFC 9457 body, with the field that is wrong and the id to look for in the logs. */
export interface Problem {
  type: 'about:blank';
  title: string;
  status: number;
  detail: string;
  field?: string;
  correlationId?: string;
}

interface Reply {
  sent?: boolean;
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): void;
}

/** Answers every HTTP error as problem details. What is not the caller's fault is logged and not told. */
@Catch()
export class ProblemDetailsFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<Reply>();
    if (reply.sent) return;
    const problem = problemOf(error);
    if (problem.status >= 500) this.logger.error(error);
    reply.status(problem.status).header('content-type', 'application/problem+json');
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    reply.send(problem);
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof InvalidInputError) return problem(400, error.message, error.field);
  if (error instanceof HttpException) return problem(error.getStatus(), error.message);
  // Fastify's own errors (body too large, not JSON, unknown media type) carry the status that they mean.
  const { statusCode, message } = (error ?? {}) as { statusCode?: unknown; message?: string };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return problem(statusCode, message ?? 'the request cannot be served');
  return problem(500, 'Something went wrong here; the log has it under the correlation id');
}

const problem = (status: number, detail: string, field?: string): Problem => ({
  type: 'about:blank',
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  ...(field && { field }),
  correlationId: currentContext()?.correlationId,
});
