import { Controller, Get } from '@nestjs/common';
import { openApi } from './api.js';

@Controller()
export class OpenApiController {
  private readonly document = openApi();

  @Get('openapi.json')
  read(): object {
    return this.document;
  }
}
