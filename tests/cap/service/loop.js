// Serves the model of this folder with SAP CAP on 127.0.0.1 (`cds serve` would bind every interface).
// Login and Logout are no part of OData: two routes let a client of the Service Layer in.
const cds = require('@sap/cds')
const express = require('express')

const main = async () => {
  const app = express()
  cds.env.requires.db = { kind: 'sqlite', impl: '@cap-js/sqlite', credentials: { url: ':memory:' } }
  cds.env.requires.auth = { kind: 'mocked', impl: undefined }
  app.post('/b1s/v2/Login', express.json(), (request, response) => {
    const { CompanyDB, UserName, Password } = request.body
    if (!CompanyDB || !UserName || Password !== 'cap') {
      response.status(401).json({ error: { code: '-304', message: 'wrong' } })
      return
    }
    response.setHeader('Set-Cookie', ['B1SESSION=cap;HttpOnly;', 'ROUTEID=.node1; path=/b1s'])
    response.json({ SessionId: 'cap', Version: '1000280', SessionTimeout: 30 })
  })
  app.post('/b1s/v2/Logout', (request, response) => response.status(204).end())
  // CAP reads addresses inside a batch as relative to the service; the Service Layer wants them from the root.
  app.post('/b1s/v2/\\$batch', express.text({ type: 'multipart/mixed', limit: '10mb' }), (request, response, next) => {
    request.body = request.body.replace(/^(GET|POST|PATCH|DELETE) \/b1s\/v2\//gm, '$1 /')
    next()
  })
  const csn = await cds.load('*')
  cds.model = cds.compile.for.nodejs(csn)
  await cds.connect.to('db')
  await cds.deploy(csn).to('db')
  await cds.serve('all').from(csn).in(app)
  const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
}
main()
