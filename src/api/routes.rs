//! Where handlers are registered: with the server, or with the document. Each server thread registers all of them, and
//! the document, which takes far more memory than they do, is put together once, when it is first asked for.

use actix_web::dev::HttpServiceFactory;
use actix_web::{App, web};
use utoipa::openapi::{Components, ComponentsBuilder, OpenApi, OpenApiBuilder, Paths, RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;

/// Takes handlers; a resource's `routes` names them.
pub struct Routes<'c> {
    server: &'c mut web::ServiceConfig,
    document: Option<&'c mut Described>,
}

#[derive(Default)]
struct Described {
    paths: Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl<'c> Routes<'c> {
    /// To be served.
    #[must_use]
    pub fn serving(server: &'c mut web::ServiceConfig) -> Self {
        Self { server, document: None }
    }

    pub fn service<F>(&mut self, handler: F) -> &mut Self
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        if let Some(document) = &mut self.document {
            document.paths.merge(handler.paths());
            handler.schemas(&mut document.schemas);
        }
        self.server.service(handler);
        self
    }

    pub fn configure(&mut self, routes: impl FnOnce(&mut Routes<'_>)) -> &mut Self {
        routes(self);
        self
    }
}

/// The document of these routes.
#[must_use]
pub fn described(routes: impl FnOnce(&mut Routes<'_>)) -> OpenApi {
    let mut document = Described::default();
    // Nothing but a configuration takes handlers; this one is thrown away.
    let _ = App::new().configure(|server| routes(&mut Routes { server, document: Some(&mut document) }));
    let components: Components = ComponentsBuilder::new().schemas_from_iter(document.schemas).build();
    OpenApiBuilder::new().paths(document.paths).components(Some(components)).build()
}
